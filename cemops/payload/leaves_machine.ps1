# Registry, files, services, local accounts, the machine itself. One Windows call each, plain data in and out, no decisions.
# Windows PowerShell 5.1 on .NET Framework 4.5.2 and later (Windows Server 2012 R2 with WMF 5.1), nothing to install.

# Where programs of this Windows are: a 32-bit process would be redirected to SysWOW64.
function Get-SystemFolder {
    if ([Environment]::Is64BitOperatingSystem -and -not [Environment]::Is64BitProcess) { return "$env:SystemRoot\sysnative" }
    return "$env:SystemRoot\System32"
}

# Runs a program of Windows. Its exit code may lie and its text is in the machine's language: callers read back what changed.
# Arguments must be free of quotes and never empty, which 5.1 would pass on wrongly.
function Invoke-Native([string]$program, [string[]]$arguments) {
    foreach ($argument in $arguments) {
        if ($argument.Length -eq 0 -or $argument.IndexOf([char]34) -ge 0) { throw "an argument for $program is empty or has a quote" }
    }
    # With 'Stop', 5.1 would throw at the first line on the program's standard error.
    $ErrorActionPreference = 'Continue'
    $lines = & $program $arguments 2>&1 | ForEach-Object { "$_" }
    $code = $LASTEXITCODE
    return [ordered]@{ code = [int]$code; text = ($lines -join "`n").Trim() }
}

# -eq and -ceq compare by language: they overlook invisible characters.
function Test-Ordinal($one, $other) { return [string]::Equals("$one", "$other", [StringComparison]::Ordinal) }

function Test-FailedWith($record, [int]$hresult) {
    return $record.Exception.GetBaseException().HResult -eq $hresult
}

# --- Registry -------------------------------------------------------------------------------------------------------

# Opens HKLM:\a\b in the 64-bit or 32-bit view. Returns nothing where there is no such key; the caller disposes.
function Open-RegistryKey([string]$path, [string]$view, [bool]$writable) {
    $prefix = 'HKLM:\'
    if (-not $path.StartsWith($prefix, [StringComparison]::OrdinalIgnoreCase)) { throw "registry path '$path' is not below HKLM:\" }
    $wanted = [Microsoft.Win32.RegistryView]::Registry64
    if (Test-Ordinal $view '32') { $wanted = [Microsoft.Win32.RegistryView]::Registry32 }
    $root = [Microsoft.Win32.RegistryKey]::OpenBaseKey([Microsoft.Win32.RegistryHive]::LocalMachine, $wanted)
    try { return $root.OpenSubKey($path.Substring($prefix.Length), $writable) } finally { $root.Dispose() }
}

# DWORDs and QWORDs come signed: give them as they are meant.
function ConvertFrom-RegistryValue([Microsoft.Win32.RegistryKey]$key, [string]$name) {
    $kind = $key.GetValueKind($name)
    $value = $key.GetValue($name, $null, [Microsoft.Win32.RegistryValueOptions]::DoNotExpandEnvironmentNames)
    $entry = [ordered]@{ kind = "$kind"; data = $null }
    switch ("$kind") {
        'DWord' { $entry.data = [long][BitConverter]::ToUInt32([BitConverter]::GetBytes([int]$value), 0) }
        'QWord' {
            $entry.data = [long]$value
            if ($entry.data -lt 0) { $entry.data = [BitConverter]::ToUInt64([BitConverter]::GetBytes([long]$value), 0) }
        }
        'MultiString' { $entry.data = [string[]]$value }
        'String' { $entry.data = [string]$value }
        'ExpandString' { $entry.data = [string]$value }
        default { $entry.data = [Convert]::ToBase64String([byte[]]$value) }
    }
    return $entry
}

function ConvertFrom-RegistryKey([Microsoft.Win32.RegistryKey]$key) {
    $values = [ordered]@{}
    foreach ($name in $key.GetValueNames()) { $values.Add($name, (ConvertFrom-RegistryValue $key $name)) }
    $keys = [ordered]@{}
    foreach ($name in $key.GetSubKeyNames()) {
        $child = $key.OpenSubKey($name)
        # A key can go away between its name and its opening.
        if ($null -eq $child) { continue }
        try { $keys.Add($name, (ConvertFrom-RegistryKey $child)) } finally { $child.Dispose() }
    }
    return [ordered]@{ values = $values; keys = $keys }
}

function Get-RegistryTreeLeaf($path, $view) {
    $key = Open-RegistryKey $path $view $false
    if ($null -eq $key) { return }
    try { return ConvertFrom-RegistryKey $key } finally { $key.Dispose() }
}

function Get-RegistryValueLeaf($path, $name, $view) {
    $key = Open-RegistryKey $path $view $false
    if ($null -eq $key) { return }
    try {
        foreach ($present in $key.GetValueNames()) {
            if ([string]::Equals($present, $name, [StringComparison]::OrdinalIgnoreCase)) { return ConvertFrom-RegistryValue $key $name }
        }
    } finally { $key.Dispose() }
}

function Set-RegistryValueLeaf($path, $name, $kind, $value, $view) {
    switch ("$kind") {
        'DWord' { $data = [BitConverter]::ToInt32([BitConverter]::GetBytes([uint32]$value), 0) }
        'QWord' { $data = [BitConverter]::ToInt64([BitConverter]::GetBytes([uint64]$value), 0) }
        'MultiString' { $data = [string[]]@($value) }
        'String' { $data = [string]$value }
        'ExpandString' { $data = [string]$value }
        'Binary' { $data = [Convert]::FromBase64String($value) }
        'None' { $data = [Convert]::FromBase64String($value) }
        default { throw "registry kind '$kind' is not known" }
    }
    $key = Open-RegistryKey $path $view $true
    if ($null -eq $key) {
        $wanted = [Microsoft.Win32.RegistryView]::Registry64
        if (Test-Ordinal $view '32') { $wanted = [Microsoft.Win32.RegistryView]::Registry32 }
        $root = [Microsoft.Win32.RegistryKey]::OpenBaseKey([Microsoft.Win32.RegistryHive]::LocalMachine, $wanted)
        try { $key = $root.CreateSubKey($path.Substring('HKLM:\'.Length)) } finally { $root.Dispose() }
    }
    try { $key.SetValue($name, $data, [Microsoft.Win32.RegistryValueKind]$kind) } finally { $key.Dispose() }
}

function Remove-RegistryValueLeaf($path, $name, $view) {
    $key = Open-RegistryKey $path $view $true
    if ($null -eq $key) { return }
    try { $key.DeleteValue($name, $false) } finally { $key.Dispose() }
}

# --- Files and folders ----------------------------------------------------------------------------------------------

# Only SYSTEM and Administrators; Administrators own it. SIDs, because names are translated.
function Set-PrivateAccess($security, [Security.AccessControl.InheritanceFlags]$inheritance) {
    $administrators = New-Object Security.Principal.SecurityIdentifier 'S-1-5-32-544'
    $system = New-Object Security.Principal.SecurityIdentifier 'S-1-5-18'
    $security.SetOwner($administrators)
    $security.SetAccessRuleProtection($true, $false)
    foreach ($sid in @($administrators, $system)) {
        $rule = New-Object Security.AccessControl.FileSystemAccessRule $sid, 'FullControl', $inheritance, 'None', 'Allow'
        $security.AddAccessRule($rule)
    }
}

function Get-PrivateFileSecurity {
    $security = New-Object Security.AccessControl.FileSecurity
    Set-PrivateAccess $security ([Security.AccessControl.InheritanceFlags]::None)
    return $security
}

function Get-PrivateFolderSecurity {
    $security = New-Object Security.AccessControl.DirectorySecurity
    Set-PrivateAccess $security ([Security.AccessControl.InheritanceFlags]'ContainerInherit, ObjectInherit')
    return $security
}

function Get-Sha256([IO.Stream]$stream) {
    # This class also works where only FIPS-validated algorithms are allowed.
    $hasher = New-Object Security.Cryptography.SHA256CryptoServiceProvider
    try { return [BitConverter]::ToString($hasher.ComputeHash($stream)).Replace('-', '').ToLowerInvariant() } finally { $hasher.Dispose() }
}

# Somebody else may have the file open for writing (a log): share everything.
function Read-File([string]$path, [bool]$content, [long]$below) {
    $share = [IO.FileShare]'ReadWrite, Delete'
    $stream = New-Object IO.FileStream $path, ([IO.FileMode]::Open), ([IO.FileAccess]::Read), $share
    try {
        $entry = [ordered]@{ sha256 = ''; size = $stream.Length; content = $null }
        if ($content -and $stream.Length -lt $below) {
            $whole = New-Object IO.MemoryStream
            $stream.CopyTo($whole)
            $entry.content = [Convert]::ToBase64String($whole.ToArray())
            $entry.size = $whole.Length
            $whole.Position = 0
            $entry.sha256 = Get-Sha256 $whole
        } else { $entry.sha256 = Get-Sha256 $stream }
        return $entry
    } finally { $stream.Dispose() }
}

function Get-FileLeaf($path, $content) {
    if (-not [IO.File]::Exists($path)) { return }
    return Read-File $path $content ([long]::MaxValue)
}

function Get-FolderLeaf($path, $content_below, $hash_only) {
    if (-not [IO.Directory]::Exists($path)) { return }
    $files = [ordered]@{}
    foreach ($full in [IO.Directory]::GetFiles($path)) {
        $name = [IO.Path]::GetFileName($full)
        $content = $true
        foreach ($pattern in $hash_only) { if ($name -like $pattern) { $content = $false } }
        $files.Add($name, (Read-File $full $content $content_below))
    }
    $folders = New-Object Collections.Generic.List[string]
    foreach ($full in [IO.Directory]::GetDirectories($path)) { $folders.Add([IO.Path]::GetFileName($full)) }
    return [ordered]@{ files = $files; folders = $folders.ToArray() }
}

function Test-FolderLeaf($path) { return [IO.Directory]::Exists($path) }

# Staged beside the target and moved over it, so that no reader meets half a file. $security: from the file's first byte.
function Save-File([string]$path, [byte[]]$bytes, $security) {
    $staged = "$path.cemops-new"
    if ([IO.File]::Exists($staged)) { [IO.File]::Delete($staged) }
    if ($null -eq $security) {
        $stream = New-Object IO.FileStream $staged, ([IO.FileMode]::CreateNew), ([IO.FileAccess]::Write), ([IO.FileShare]::None)
    } else {
        $rights = [Security.AccessControl.FileSystemRights]::Modify
        $stream = New-Object IO.FileStream $staged, ([IO.FileMode]::CreateNew), $rights, ([IO.FileShare]::None), 4096, ([IO.FileOptions]::None), $security
    }
    try {
        try { $stream.Write($bytes, 0, $bytes.Length); $stream.Flush($true) } finally { $stream.Dispose() }
        if ([IO.File]::Exists($path)) {
            # Replacing keeps the old file's access list: close it first.
            if ($null -ne $security) { [IO.File]::SetAccessControl($path, $security) }
            # PowerShell turns $null into an empty text; [NullString] says "no backup".
            [IO.File]::Replace($staged, $path, [NullString]::Value)
        } else { [IO.File]::Move($staged, $path) }
    } catch {
        if ([IO.File]::Exists($staged)) { [IO.File]::Delete($staged) }
        throw
    }
}

function Write-FileLeaf($path, $bytes, $private) {
    $security = $null
    if ($private) { $security = Get-PrivateFileSecurity }
    Save-File $path $bytes $security
}

# The copy of a file with an access list of its own (one that inherits nothing) gets the same list: a key that is put back must
# be neither open to all nor closed to its service.
function Copy-FileLeaf($source, $target) {
    $security = $null
    $access = [IO.File]::GetAccessControl($source, [Security.AccessControl.AccessControlSections]::Access)
    if ($access.AreAccessRulesProtected) {
        # As it was read it counts as unchanged, and would not be written.
        $access.SetAccessRuleProtection($true, $true)
        $security = $access
    }
    Save-File $target ([IO.File]::ReadAllBytes($source)) $security
}

function Remove-FileLeaf($path) { [IO.File]::Delete($path) }

# An existing folder could belong to anybody (everyone may create folders in ProgramData): a private one is taken only
# from SYSTEM or Administrators, and closed.
function Add-FolderLeaf($path, $private) {
    if (-not $private) { $null = [IO.Directory]::CreateDirectory($path); return }
    $security = Get-PrivateFolderSecurity
    if (-not [IO.Directory]::Exists($path)) { $null = [IO.Directory]::CreateDirectory($path, $security); return }
    $owner = [IO.Directory]::GetAccessControl($path, [Security.AccessControl.AccessControlSections]::Owner).GetOwner([Security.Principal.SecurityIdentifier]).Value
    if (-not (Test-Ordinal $owner 'S-1-5-18') -and -not (Test-Ordinal $owner 'S-1-5-32-544')) { throw "folder $path belongs to $owner, not to SYSTEM or Administrators: give it to them, or move it away" }
    [IO.Directory]::SetAccessControl($path, $security)
}

# --- Services -------------------------------------------------------------------------------------------------------

function Get-ServiceLeaf($service) {
    $quoted = $service.Replace('\', '\\').Replace("'", "\'")
    $found = Get-CimInstance -ClassName Win32_Service -Filter "Name = '$quoted'" -ErrorAction Stop
    if ($null -eq $found) { return }
    $start = "$($found.StartMode)"
    if (Test-Ordinal $start 'Auto') { $start = 'Automatic' }
    return [ordered]@{ state = "$($found.State)"; start = $start; account = "$($found.StartName)"; path = "$($found.PathName)"; pid = [int]$found.ProcessId }
}

function Set-ServiceStartLeaf($service, $start) { Set-Service -Name $service -StartupType $start -ErrorAction Stop }

# A minute is twice what Windows itself gives a service; the core reads the state afterwards.
function Start-ServiceLeaf($service) {
    Add-Type -AssemblyName System.ServiceProcess
    $controller = New-Object ServiceProcess.ServiceController $service
    try {
        $controller.Start()
        $controller.WaitForStatus([ServiceProcess.ServiceControllerStatus]::Running, [TimeSpan]::FromSeconds(60))
    } finally { $controller.Dispose() }
}

# Stopping would silently stop the services that depend on this one, and nobody would start them again.
function Stop-ServiceLeaf($service) {
    Add-Type -AssemblyName System.ServiceProcess
    $controller = New-Object ServiceProcess.ServiceController $service
    try {
        $dependents = New-Object Collections.Generic.List[string]
        foreach ($dependent in $controller.DependentServices) {
            if ($dependent.Status -ne [ServiceProcess.ServiceControllerStatus]::Stopped) { $dependents.Add($dependent.ServiceName) }
            $dependent.Dispose()
        }
        if ($dependents.Count -gt 0) { throw "other running services depend on ${service}: $($dependents -join ', ')" }
        $controller.Stop()
        $controller.WaitForStatus([ServiceProcess.ServiceControllerStatus]::Stopped, [TimeSpan]::FromSeconds(60))
    } finally { $controller.Dispose() }
}

# --- Local accounts -------------------------------------------------------------------------------------------------
# PSBase: PowerShell shows the members of the directory's object instead of the class's own.

function Get-AccountPath([string]$account) {
    if ($account -notmatch '\A[^"/\\\[\]:;|=,+*?<>@\x00-\x1f]{1,20}\z') { throw "'$account' is no name of a local account" }
    return "WinNT://$env:COMPUTERNAME/$account,user"
}

function Get-AccountLeaf($account) {
    $path = Get-AccountPath $account
    if (-not [DirectoryServices.DirectoryEntry]::Exists($path)) { return }
    $entry = New-Object DirectoryServices.DirectoryEntry $path
    try {
        $flags = [int]$entry.PSBase.Properties['UserFlags'].Value
        # ADS_UF_ACCOUNTDISABLE is 2; the lock is told by its own property.
        return [ordered]@{ enabled = ($flags -band 2) -eq 0; locked = [bool]$entry.PSBase.InvokeGet('IsAccountLocked') }
    } finally { $entry.PSBase.Dispose() }
}

function Add-AccountLeaf($account, $password) {
    $null = Get-AccountPath $account
    # On a domain controller this would make an account of the domain (SS-01: never one).
    if ((Get-CimInstance -ClassName Win32_ComputerSystem -ErrorAction Stop).DomainRole -ge 4) { throw 'a domain controller has no local accounts' }
    $computer = New-Object DirectoryServices.DirectoryEntry "WinNT://$env:COMPUTERNAME,computer"
    try {
        $entry = $computer.PSBase.Children.Add($account, 'user')
        try {
            $null = $entry.PSBase.Invoke('SetPassword', @([string]$password))
            $entry.PSBase.CommitChanges()
        } finally { $entry.PSBase.Dispose() }
    } finally { $computer.PSBase.Dispose() }
}

function Unlock-AccountLeaf($account) {
    $entry = New-Object DirectoryServices.DirectoryEntry (Get-AccountPath $account)
    try {
        $null = $entry.PSBase.InvokeSet('IsAccountLocked', @($false))
        $entry.PSBase.CommitChanges()
    } finally { $entry.PSBase.Dispose() }
}

# --- The machine ----------------------------------------------------------------------------------------------------

function Get-OsLeaf {
    $system = Get-CimInstance -ClassName Win32_OperatingSystem -ErrorAction Stop
    $computer = Get-CimInstance -ClassName Win32_ComputerSystem -ErrorAction Stop
    return [ordered]@{ caption = "$($system.Caption)"; version = "$($system.Version)"; domain_role = [int]$computer.DomainRole; computer = "$($computer.Name)" }
}

function Get-UserLeaf {
    $identity = [Security.Principal.WindowsIdentity]::GetCurrent()
    try {
        $principal = New-Object Security.Principal.WindowsPrincipal $identity
        $elevated = $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
        return [ordered]@{ name = $identity.Name; elevated = $elevated }
    } finally { $identity.Dispose() }
}

# Milliseconds since 1970, UTC. 621355968000000000 is 1970 in ticks of 100 ns.
function Get-TimeLeaf { return [long][Math]::Floor(([DateTime]::UtcNow.Ticks - 621355968000000000) / 10000) }
