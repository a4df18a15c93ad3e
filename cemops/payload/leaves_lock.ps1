# The lock on this machine, for operators who share no store: one file that is moved to its place whole, which works for one
# of many. Who removes it reads it first and lets nobody else read it meanwhile. Plain data in and out, no decisions.

function Get-LockFolder { return "$env:ProgramData\cemops" }

function Get-LockPath { return "$(Get-LockFolder)\lock" }

# Gives nothing where there is no lock. Somebody may be removing it this moment: then once more.
function Open-Lock([IO.FileShare]$share) {
    $path = Get-LockPath
    for ($try = 0; [IO.File]::Exists($path); $try++) {
        try { return New-Object IO.FileStream $path, ([IO.FileMode]::Open), ([IO.FileAccess]::Read), $share } catch {
            if ($try -ge 50) { throw }
            [Threading.Thread]::Sleep(100)
        }
    }
}

# One that was not written whole before the power went has no token, and has expired.
function Read-Lock([IO.FileStream]$stream) {
    $entry = [ordered]@{ token = ''; store = ''; owner = ''; since_ms = [long]0; expires_ms = [long]0 }
    $reader = New-Object IO.StreamReader $stream, ([Text.Encoding]::UTF8)
    $lines = $reader.ReadToEnd().Split([char[]]"`n")
    if ($lines.Length -lt 6) { return $entry }
    if ($lines[3] -notmatch '\A[0-9]{1,15}\z' -or $lines[4] -notmatch '\A[0-9]{1,15}\z') { return $entry }
    $entry.token = $lines[0]
    $entry.store = $lines[1]
    $entry.owner = $lines[2]
    $entry.since_ms = [long]::Parse($lines[3], [Globalization.CultureInfo]::InvariantCulture)
    $entry.expires_ms = [long]::Parse($lines[4], [Globalization.CultureInfo]::InvariantCulture)
    return $entry
}

function Get-LockLeaf {
    $stream = Open-Lock ([IO.FileShare]'ReadWrite, Delete')
    if ($null -eq $stream) { return }
    try { return Read-Lock $stream } finally { $stream.Dispose() }
}

# Does nothing where a lock is there already.
function Add-LockLeaf($token, $store, $owner, $since_ms, $expires_ms) {
    Add-FolderLeaf (Get-LockFolder) $true
    foreach ($left in [IO.Directory]::GetFiles((Get-LockFolder), 'lock-*')) {
        if ([IO.File]::GetLastWriteTimeUtc($left).AddHours(1) -lt [DateTime]::UtcNow) { [IO.File]::Delete($left) }
    }
    $staged = "$(Get-LockFolder)\lock-$([Guid]::NewGuid().ToString('N'))"
    Write-FileLeaf $staged ([Text.Encoding]::UTF8.GetBytes("$token`n$store`n$owner`n$since_ms`n$expires_ms`n")) $true
    # A lock that is just being removed denies access to its name.
    try { [IO.File]::Move($staged, (Get-LockPath)) } catch [IO.IOException], [UnauthorizedAccessException] { [IO.File]::Delete($staged) }
}

function Remove-LockLeaf($token) {
    $stream = Open-Lock ([IO.FileShare]::Delete)
    if ($null -eq $stream) { return }
    try {
        $found = Read-Lock $stream
        if (Test-Ordinal $found.token $token) { [IO.File]::Delete((Get-LockPath)) }
    } finally { $stream.Dispose() }
}
