# Certificate stores of LocalMachine, private keys and who may read them. One Windows call each, plain data in and out, no decisions.
# Stores are closed and certificates reset whatever happens: otherwise an import is not there for the next process.

# Opens an existing store of LocalMachine, or returns nothing where there is none by that name. The caller closes it.
function Open-Store([string]$store, [bool]$writable) {
    $mode = [Security.Cryptography.X509Certificates.OpenFlags]::ReadOnly
    if ($writable) { $mode = [Security.Cryptography.X509Certificates.OpenFlags]::ReadWrite }
    $mode = $mode -bor [Security.Cryptography.X509Certificates.OpenFlags]::OpenExistingOnly
    $location = [Security.Cryptography.X509Certificates.StoreLocation]::LocalMachine
    $opened = New-Object Security.Cryptography.X509Certificates.X509Store $store, $location
    try { $opened.Open($mode) } catch {
        $opened.Close()
        # ERROR_FILE_NOT_FOUND
        if (Test-FailedWith $_ 0x80070002) { return }
        throw
    }
    return $opened
}

function Open-ExistingStore([string]$store, [bool]$writable) {
    $opened = Open-Store $store $writable
    if ($null -eq $opened) { throw "there is no certificate store $store in LocalMachine" }
    return $opened
}

function Test-Thumbprint($certificate, [string]$thumbprint) {
    return [string]::Equals($certificate.Thumbprint, $thumbprint, [StringComparison]::OrdinalIgnoreCase)
}

# The file that holds a certificate's private key, whichever generation of Windows' key stores it is in (CSP, CNG).
# Returns nothing where the key is not in a file of this machine (a smart card, an HSM, a key that is gone).
function Get-KeyFile($certificate) {
    # These two classes came with .NET Framework 4.6 and 4.6.1; without them only CSP keys can be looked at.
    $name = ''
    $key = $null
    try {
        if ('System.Security.Cryptography.X509Certificates.RSACertificateExtensions' -as [type]) {
            $key = [Security.Cryptography.X509Certificates.RSACertificateExtensions]::GetRSAPrivateKey($certificate)
        } else { $key = $certificate.PrivateKey }
        if ($null -eq $key -and ('System.Security.Cryptography.X509Certificates.ECDsaCertificateExtensions' -as [type])) {
            $key = [Security.Cryptography.X509Certificates.ECDsaCertificateExtensions]::GetECDsaPrivateKey($certificate)
        }
        if ($null -eq $key) { return }
        if ($null -ne $key.CspKeyContainerInfo) { $name = $key.CspKeyContainerInfo.UniqueKeyContainerName } else { $name = $key.Key.UniqueName }
    } catch [Security.Cryptography.CryptographicException] { return } catch [NotSupportedException] { return } finally { if ($null -ne $key) { $key.Dispose() } }
    if ([string]::IsNullOrEmpty($name)) { return }
    foreach ($folder in @('RSA\MachineKeys', 'Keys', 'SystemKeys')) {
        $path = "$env:ProgramData\Microsoft\Crypto\$folder\$name"
        if ([IO.File]::Exists($path)) { return $path }
    }
}

# SIDs of those who may read a file, by its access list as it is: groups are not resolved to members.
function Get-Readers([string]$path) {
    $access = [IO.File]::GetAccessControl($path, [Security.AccessControl.AccessControlSections]::Access)
    $known = New-Object Collections.Generic.List[string]
    foreach ($rule in $access.GetAccessRules($true, $true, [Security.Principal.SecurityIdentifier])) {
        if ($rule.AccessControlType -ne [Security.AccessControl.AccessControlType]::Allow) { continue }
        # The right to read data, or the generic rights to read (0x80000000) or to do all (0x10000000).
        if (([int]$rule.FileSystemRights -band 0x90000001) -eq 0) { continue }
        if ($known.Contains($rule.IdentityReference.Value)) { continue }
        $known.Add($rule.IdentityReference.Value)
        $rule.IdentityReference.Value
    }
}

# An account as Windows' service list, an operator or a SID names it.
function Resolve-Sid([string]$account) {
    $name = $account
    if ([string]::Equals($name, 'LocalSystem', [StringComparison]::OrdinalIgnoreCase)) { return New-Object Security.Principal.SecurityIdentifier 'S-1-5-18' }
    # Names that the service list writes in English on a Windows of any language.
    if ([string]::Equals($name, 'NT AUTHORITY\LocalService', [StringComparison]::OrdinalIgnoreCase)) { return New-Object Security.Principal.SecurityIdentifier 'S-1-5-19' }
    if ([string]::Equals($name, 'NT AUTHORITY\NetworkService', [StringComparison]::OrdinalIgnoreCase)) { return New-Object Security.Principal.SecurityIdentifier 'S-1-5-20' }
    if ($name.StartsWith('S-1-', [StringComparison]::Ordinal)) { return New-Object Security.Principal.SecurityIdentifier $name }
    if ($name.StartsWith('.\', [StringComparison]::Ordinal)) { $name = "$env:COMPUTERNAME\$($name.Substring(2))" }
    $known = New-Object Security.Principal.NTAccount $name
    try { return $known.Translate([Security.Principal.SecurityIdentifier]) } catch [Security.Principal.IdentityNotMappedException] {
        throw "account '$account' is not known on this machine"
    }
}

function Get-StoreLeaf($store) {
    $opened = Open-Store $store $false
    if ($null -eq $opened) { return }
    $entries = New-Object Collections.ArrayList
    try {
        foreach ($certificate in $opened.Certificates) {
            try {
                $readers = $null
                if ($certificate.HasPrivateKey) {
                    $file = Get-KeyFile $certificate
                    try { if ($null -ne $file) { $readers = @(Get-Readers $file) } } catch [UnauthorizedAccessException] { $readers = $null }
                }
                $null = $entries.Add([ordered]@{
                        der = [Convert]::ToBase64String($certificate.RawData); has_private_key = $certificate.HasPrivateKey
                        friendly_name = "$($certificate.FriendlyName)"; readers = $readers
                    })
            } finally { $certificate.Reset() }
        }
    } finally { $opened.Close() }
    return @{ certificates = $entries.ToArray() }
}

function Get-CertificateLeaf($store, $thumbprint) {
    $found = $null
    $opened = Open-ExistingStore $store $false
    try {
        foreach ($certificate in $opened.Certificates) {
            try {
                if (Test-Thumbprint $certificate $thumbprint) { $found = [ordered]@{ thumbprint = $certificate.Thumbprint; has_private_key = $certificate.HasPrivateKey } }
            } finally { $certificate.Reset() }
        }
    } finally { $opened.Close() }
    return $found
}

# The path of a certificate's key file; says what is missing.
function Get-KeyFileOf([string]$store, [string]$thumbprint) {
    $present = $false
    $file = $null
    $opened = Open-ExistingStore $store $false
    try {
        foreach ($certificate in $opened.Certificates) {
            try {
                if (Test-Thumbprint $certificate $thumbprint) { $present = $true; if ($certificate.HasPrivateKey) { $file = Get-KeyFile $certificate } }
            } finally { $certificate.Reset() }
        }
    } finally { $opened.Close() }
    if (-not $present) { throw "certificate $thumbprint is not in store $store" }
    if ($null -eq $file) { throw "certificate $thumbprint in store $store has no private key in a file of this machine" }
    return $file
}

function Test-FileReaderLeaf($path, $account) {
    $wanted = (Resolve-Sid $account).Value
    foreach ($reader in @(Get-Readers $path)) { if (Test-Ordinal $reader $wanted) { return $true } }
    return $false
}

function Grant-FileLeaf($path, $account) {
    $access = [IO.File]::GetAccessControl($path, [Security.AccessControl.AccessControlSections]::Access)
    $rule = New-Object Security.AccessControl.FileSystemAccessRule (Resolve-Sid $account), 'Read', 'Allow'
    $access.AddAccessRule($rule)
    [IO.File]::SetAccessControl($path, $access)
}

function Test-KeyReaderLeaf($store, $thumbprint, $account) { return Test-FileReaderLeaf (Get-KeyFileOf $store $thumbprint) $account }

function Grant-KeyLeaf($store, $thumbprint, $account) { Grant-FileLeaf (Get-KeyFileOf $store $thumbprint) $account }

function Clear-Certificates($certificates) { foreach ($certificate in $certificates) { $certificate.Reset() } }

# Puts the one certificate that has a private key into the store. The others of the file are left alone: the chain is
# declared and added by itself, and no authority becomes trusted because it was in a file.
function Import-PfxLeaf($store, $bytes, $password) {
    $machine = [Security.Cryptography.X509Certificates.X509KeyStorageFlags]::MachineKeySet
    $persist = $machine -bor [Security.Cryptography.X509Certificates.X509KeyStorageFlags]::PersistKeySet
    # Looked at first without keeping the keys, so that a file which is refused leaves none behind.
    $contents = New-Object Security.Cryptography.X509Certificates.X509Certificate2Collection
    try {
        $contents.Import([byte[]]$bytes, [string]$password, $machine)
        $count = 0
        foreach ($certificate in $contents) { if ($certificate.HasPrivateKey) { $count++ } }
    } finally { Clear-Certificates $contents }
    if ($count -ne 1) { throw "the PFX holds $count certificates with a private key, want 1" }
    $opened = Open-ExistingStore $store $true
    try {
        $kept = New-Object Security.Cryptography.X509Certificates.X509Certificate2Collection
        try {
            $kept.Import([byte[]]$bytes, [string]$password, $persist)
            foreach ($certificate in $kept) { if ($certificate.HasPrivateKey) { $opened.Add($certificate) } }
        } finally { Clear-Certificates $kept }
    } finally { $opened.Close() }
}

function Add-CertificateLeaf($store, $bytes) {
    $opened = Open-ExistingStore $store $true
    try {
        $certificate = New-Object Security.Cryptography.X509Certificates.X509Certificate2 (, [byte[]]$bytes)
        try { $opened.Add($certificate) } finally { $certificate.Reset() }
    } finally { $opened.Close() }
}

# The key file stays: another entry of this certificate may use it.
function Remove-CertificateLeaf($store, $thumbprint) {
    $opened = Open-ExistingStore $store $true
    try {
        foreach ($certificate in $opened.Certificates) {
            try { if (Test-Thumbprint $certificate $thumbprint) { $opened.Remove($certificate) } } finally { $certificate.Reset() }
        }
    } finally { $opened.Close() }
}
