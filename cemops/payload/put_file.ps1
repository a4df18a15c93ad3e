# Writes one file: beside the old one, then moved over it. Passed by -EncodedCommand.
# stdin: JSON {"path","sha256"} LF the content's bytes. The reply is the last line of stdout: JSON {"ok","sha256"} or {"ok","error"}.
$ErrorActionPreference = 'Stop'
$ProgressPreference = $WarningPreference = $InformationPreference = 'SilentlyContinue'
function Get-Sha256([byte[]]$bytes) {
    $algorithm = [Security.Cryptography.SHA256]::Create()
    return [BitConverter]::ToString($algorithm.ComputeHash($bytes)).Replace('-', '').ToLowerInvariant()
}
$beside = ''
try {
    $buffer = New-Object IO.MemoryStream
    [Console]::OpenStandardInput().CopyTo($buffer)
    $all = $buffer.ToArray()
    $head = [Array]::IndexOf($all, [byte]10)
    if ($head -lt 0) { throw 'stdin ended early' }
    $request = ConvertFrom-Json ([Text.Encoding]::UTF8.GetString($all, 0, $head))
    $content = New-Object byte[] ($all.Length - $head - 1)
    [Array]::Copy($all, $head + 1, $content, 0, $content.Length)
    if (-not [string]::Equals((Get-Sha256 $content), $request.sha256, [StringComparison]::Ordinal)) { throw 'stdin is not whole' }
    $beside = $request.path + '.cemops-' + [Guid]::NewGuid().ToString('N')
    [IO.File]::WriteAllBytes($beside, $content)
    if ([IO.File]::Exists($request.path)) {
        [IO.File]::Replace($beside, $request.path, [NullString]::Value)
    } else {
        [IO.File]::Move($beside, $request.path)
    }
    $reply = @{ ok = $true; sha256 = (Get-Sha256 ([IO.File]::ReadAllBytes($request.path))) }
} catch {
    if ($beside.Length -gt 0) { [IO.File]::Delete($beside) }
    $reply = @{ ok = $false; error = $_.Exception.GetBaseException().Message }
}
$bytes = [Text.Encoding]::UTF8.GetBytes("`n" + (ConvertTo-Json $reply -Compress) + "`n")
$stdout = [Console]::OpenStandardOutput()
$stdout.Write($bytes, 0, $bytes.Length)
$stdout.Flush()
exit 0
