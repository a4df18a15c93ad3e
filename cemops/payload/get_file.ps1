# Reads one file. Passed by -EncodedCommand. stdin: JSON {"path"}.
# stdout: the content's bytes, LF, JSON {"ok","sha256","size"} or {"ok","error"}, LF.
$ErrorActionPreference = 'Stop'
$ProgressPreference = $WarningPreference = $InformationPreference = 'SilentlyContinue'
$content = New-Object byte[] 0
try {
    $buffer = New-Object IO.MemoryStream
    [Console]::OpenStandardInput().CopyTo($buffer)
    $request = ConvertFrom-Json ([Text.Encoding]::UTF8.GetString($buffer.ToArray()))
    $file = [IO.File]::Open($request.path, [IO.FileMode]::Open, [IO.FileAccess]::Read, [IO.FileShare]::ReadWrite)
    try {
        $read = New-Object IO.MemoryStream
        $file.CopyTo($read)
    } finally {
        $file.Dispose()
    }
    $content = $read.ToArray()
    $digest = [Security.Cryptography.SHA256]::Create().ComputeHash($content)
    $reply = @{ ok = $true; sha256 = [BitConverter]::ToString($digest).Replace('-', '').ToLowerInvariant(); size = $content.Length }
} catch {
    $reply = @{ ok = $false; error = $_.Exception.GetBaseException().Message }
}
$bytes = [Text.Encoding]::UTF8.GetBytes("`n" + (ConvertTo-Json $reply -Compress) + "`n")
$stdout = [Console]::OpenStandardOutput()
$stdout.Write($content, 0, $content.Length)
$stdout.Write($bytes, 0, $bytes.Length)
$stdout.Flush()
exit 0
