# The way back, if nobody confirms: the payload with the actions that restore. Complete: it needs nothing but this file.
$ErrorActionPreference = 'Stop'
$ProgressPreference = $WarningPreference = $InformationPreference = 'SilentlyContinue'
#FORMAT_FAILURE#
function Expand-Text($packed) {
    $buffer = New-Object IO.MemoryStream
    $bytes = [Convert]::FromBase64String($packed)
    $source = New-Object IO.MemoryStream
    $source.Write($bytes, 0, $bytes.Length)
    $source.Position = 0
    $gzip = New-Object IO.Compression.GZipStream($source, [IO.Compression.CompressionMode]::Decompress)
    $gzip.CopyTo($buffer)
    $gzip.Dispose()
    return [Text.Encoding]::UTF8.GetString($buffer.ToArray())
}
$payload = [ScriptBlock]::Create((Expand-Text '#PAYLOAD#'))
$request = ConvertFrom-Json (Expand-Text '#REQUEST#')
$outcomes = New-Object Collections.ArrayList
$failed = $false
# One by one: what cannot be restored must not keep the rest from it.
foreach ($action in $request.actions) {
    $result = @(& $payload ([pscustomobject]@{ verb = 'apply'; actions = @($action) }) 6>$null)
    if ($result.Count -ne 1) { throw "the payload returned $($result.Count) objects, want 1" }
    if ($result[0].failed) { $failed = $true }
    foreach ($outcome in $result[0].actions) { $null = $outcomes.Add($outcome) }
}
return [ordered]@{ actions = $outcomes.ToArray(); failed = $failed }
