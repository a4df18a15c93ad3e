# IIS and http.sys. One Windows call each, plain data in and out, no decisions. IIS is read as a file and written through
# Microsoft.Web.Administration; bindings are written as plain configuration elements, because the class made for bindings
# also writes to http.sys, whose certificates are written by netsh and read from the registry.

function Get-IisFolder { return "$(Get-SystemFolder)\inetsrv" }

function Get-IisLeaf {
    $folder = Get-IisFolder
    $path = "$folder\config\applicationHost.config"
    if (-not [IO.File]::Exists("$folder\Microsoft.Web.Administration.dll") -and -not [IO.File]::Exists($path)) { return }
    $reply = [ordered]@{ path = $path; config = $null; error = $null }
    try {
        $redirection = "$folder\config\redirection.config"
        if ([IO.File]::Exists($redirection)) {
            $shared = ([xml][IO.File]::ReadAllText($redirection)).SelectSingleNode("//configurationRedirection[@enabled='true']")
            if ($null -ne $shared) { throw "IIS takes its configuration from a share ($redirection), which is not read" }
        }
        $reply.config = [IO.File]::ReadAllText($path)
    } catch { $reply.error = $_.Exception.GetBaseException().Message }
    return $reply
}

function New-ServerManager {
    Add-Type -Path "$(Get-IisFolder)\Microsoft.Web.Administration.dll"
    return New-Object Microsoft.Web.Administration.ServerManager
}

# IIS takes no difference between upper and lower case in the names of sites.
function Find-ManagedSite($manager, [string]$site) {
    foreach ($candidate in $manager.Sites) {
        if ([string]::Equals($candidate.Name, $site, [StringComparison]::OrdinalIgnoreCase)) { return $candidate }
    }
    throw "there is no site '$site' in IIS"
}

# The sites as plain elements of the configuration: what is written to their bindings reaches the file and nothing else.
function Get-SiteElements($manager) {
    foreach ($element in $manager.GetApplicationHostConfiguration().GetSection('system.applicationHost/sites').GetCollection()) { $element }
}

function Get-BindingElements($manager, [string]$site) {
    foreach ($element in @(Get-SiteElements $manager)) {
        if ([string]::Equals("$($element.GetAttributeValue('name'))", $site, [StringComparison]::OrdinalIgnoreCase)) { return , $element.GetCollection('bindings') }
    }
    throw "there is no site '$site' in IIS"
}

function Find-ManagedBinding($bindings, [string]$protocol, [string]$information) {
    foreach ($element in $bindings) {
        if (-not [string]::Equals("$($element.GetAttributeValue('protocol'))", $protocol, [StringComparison]::OrdinalIgnoreCase)) { continue }
        if ([string]::Equals("$($element.GetAttributeValue('bindingInformation'))", $information, [StringComparison]::OrdinalIgnoreCase)) { return $element }
    }
    throw "there is no binding $protocol $information"
}

# Sites of a service that does not run have no state to ask for.
function Get-SiteState($site) { try { return "$($site.State)" } catch { return 'Unknown' } }

function Get-SitesLeaf {
    $manager = New-ServerManager
    try {
        foreach ($site in @(Get-SiteElements $manager)) {
            $name = "$($site.GetAttributeValue('name'))"
            $bindings = New-Object Collections.ArrayList
            foreach ($element in $site.GetCollection('bindings')) {
                $null = $bindings.Add([ordered]@{
                        protocol = "$($element.GetAttributeValue('protocol'))"; information = "$($element.GetAttributeValue('bindingInformation'))"
                        ssl_flags = [int]$element.GetAttributeValue('sslFlags')
                    })
            }
            $state = Get-SiteState (Find-ManagedSite $manager $name)
            [ordered]@{ name = $name; id = [long]$site.GetAttributeValue('id'); state = $state; bindings = $bindings.ToArray() }
        }
    } finally { $manager.Dispose() }
}

function Set-SslFlags($element, [int]$ssl_flags) { $element.SetAttributeValue('sslFlags', $ssl_flags) }

function Add-SiteLeaf($site, $path, $protocol, $information, $ssl_flags) {
    $manager = New-ServerManager
    try {
        $added = $manager.Sites.Add([string]$site, [string]$protocol, [string]$information, [string]$path)
        if ($ssl_flags -ne 0) { Set-SslFlags $added.Bindings[0] $ssl_flags }
        $manager.CommitChanges()
    } finally { $manager.Dispose() }
}

# IIS takes a moment to see a new site, and to start one: ten seconds, then what it said last.
function Start-SiteLeaf($site) {
    $said = ''
    for ($try = 1; $true; $try++) {
        $manager = New-ServerManager
        try {
            $found = Find-ManagedSite $manager $site
            $state = Get-SiteState $found
            if (Test-Ordinal $state 'Started') { return }
            if ($try -ge 20) { throw "site $site does not start, it is ${state}: $said" }
            if (-not (Test-Ordinal $state 'Starting')) { $null = $found.Start() }
        } catch [Runtime.InteropServices.COMException] {
            $said = $_.Exception.GetBaseException().Message
        } finally { $manager.Dispose() }
        [Threading.Thread]::Sleep(500)
    }
}

function Add-BindingLeaf($site, $protocol, $information, $ssl_flags) {
    $manager = New-ServerManager
    try {
        $bindings = Get-BindingElements $manager $site
        $element = $bindings.CreateElement('binding')
        $element.SetAttributeValue('protocol', [string]$protocol)
        $element.SetAttributeValue('bindingInformation', [string]$information)
        if ($ssl_flags -ne 0) { Set-SslFlags $element $ssl_flags }
        $null = $bindings.Add($element)
        $manager.CommitChanges()
    } finally { $manager.Dispose() }
}

function Set-BindingFlagsLeaf($site, $protocol, $information, $ssl_flags) {
    $manager = New-ServerManager
    try {
        $bindings = Get-BindingElements $manager $site
        Set-SslFlags (Find-ManagedBinding $bindings $protocol $information) $ssl_flags
        $manager.CommitChanges()
    } finally { $manager.Dispose() }
}

function Remove-BindingLeaf($site, $protocol, $information) {
    $manager = New-ServerManager
    try {
        $bindings = Get-BindingElements $manager $site
        $bindings.Remove((Find-ManagedBinding $bindings $protocol $information))
        $manager.CommitChanges()
    } finally { $manager.Dispose() }
}

# --- http.sys -------------------------------------------------------------------------------------------------------

function Get-SslTables { return [ordered]@{ ipport = 'SslBindingInfo'; hostnameport = 'SslSniBindingInfo'; ccs = 'SslCcsBindingInfo' } }

# Bits of an entry's DefaultFlags, and netsh's name for each.
function Get-SslFlagNames {
    return [ordered]@{
        dsmapperusage = 0x1; clientcertnegotiation = 0x2; reject = 0x8; disablehttp2 = 0x10; disablequic = 0x20; disabletls13 = 0x40
        disableocspstapling = 0x80; enabletokenbinding = 0x100; logextendedevents = 0x200; disablelegacytls = 0x400
        enablesessionticket = 0x800; disabletls12 = 0x1000; enableclientcorrelation = 0x2000; disablesessionid = 0x4000
    }
}

function ConvertTo-HexText([byte[]]$bytes) { return [BitConverter]::ToString($bytes).Replace('-', '') }

# An application's id is kept as 16 bytes or as text, depending on the Windows.
function ConvertFrom-AppId($value) {
    if ($null -eq $value) { return '' }
    if ($value -is [byte[]]) { return (New-Object Guid (, $value)).ToString('B') }
    return "$value".ToLowerInvariant()
}

function ConvertFrom-SslKey([string]$kind, [string]$endpoint, [Microsoft.Win32.RegistryKey]$key) {
    $hash = $key.GetValue('SslCertHash')
    $thumbprint = ''
    if ($hash -is [byte[]]) { $thumbprint = ConvertTo-HexText $hash } elseif ($null -ne $hash) { $thumbprint = "$hash".ToUpperInvariant() }
    $store = "$($key.GetValue('SslCertStoreName'))"
    # http.sys takes an entry without a store's name for one in My.
    if ($store.Length -eq 0 -and $thumbprint.Length -gt 0) { $store = 'MY' }
    $settings = [ordered]@{}
    foreach ($name in $key.GetValueNames()) {
        if (-not $name.StartsWith('Default', [StringComparison]::OrdinalIgnoreCase)) { continue }
        $entry = ConvertFrom-RegistryValue $key $name
        $settings.Add($name, $entry.data)
    }
    $appid = ConvertFrom-AppId ($key.GetValue('AppId'))
    # An entry by host name stands below a name without meaning and says itself what it is for.
    $named = "$($key.GetValue('HostnamePort'))"
    if ((Test-Ordinal $kind 'hostnameport') -and $named.Length -gt 0) { $endpoint = $named }
    return [ordered]@{
        kind = $kind; endpoint = $endpoint; thumbprint = $thumbprint; store = $store
        appid = $appid; settings = $settings
    }
}

function Get-SslCertsLeaf {
    $tables = Get-SslTables
    foreach ($kind in $tables.Keys) {
        $table = Open-RegistryKey "HKLM:\SYSTEM\CurrentControlSet\Services\HTTP\Parameters\$($tables[$kind])" '64' $false
        if ($null -eq $table) { continue }
        try {
            foreach ($endpoint in $table.GetSubKeyNames()) {
                $key = $table.OpenSubKey($endpoint)
                if ($null -eq $key) { continue }
                try { ConvertFrom-SslKey $kind $endpoint $key } finally { $key.Dispose() }
            }
        } finally { $table.Dispose() }
    }
}

# http.sys calls a central store's entry by its port alone.
function Get-SslEndpointArgument([string]$kind, [string]$endpoint) {
    if (-not (Get-SslTables).Contains($kind)) { throw "http.sys has no entries of kind '$kind'" }
    if (Test-Ordinal $kind 'ccs') { return "ccs=$($endpoint.Substring($endpoint.LastIndexOf([char]58) + 1))" }
    return "${kind}=$endpoint"
}

# What netsh calls an entry's stored settings, so that deleting and adding keeps them. What it has no name for goes to $lost.
function ConvertTo-NetshSettings($settings, [Collections.Generic.List[string]]$lost) {
    $arguments = New-Object Collections.Generic.List[string]
    if ($null -eq $settings) { return , $arguments }
    foreach ($name in @($settings.Keys)) {
        $value = $settings[$name]
        if ("$value".IndexOf([char]34) -ge 0) { $lost.Add($name); continue }
        switch ("$name") {
            'DefaultFlags' {
                $left = [long]$value
                $names = Get-SslFlagNames
                foreach ($flag in $names.Keys) {
                    if (($left -band $names[$flag]) -ne 0) { $arguments.Add("$flag=enable"); $left = $left -band (-bnot $names[$flag]) }
                }
                if ($left -ne 0) { $lost.Add("$name bits $left") }
            }
            'DefaultSslCertCheckMode' {
                $left = [long]$value
                if (($left -band 0x1) -ne 0) { $arguments.Add('verifyclientcertrevocation=disable') }
                if (($left -band 0x2) -ne 0) { $arguments.Add('verifyrevocationwithcachedclientcertonly=enable') }
                if (($left -band 0x10000) -ne 0) { $arguments.Add('usagecheck=disable') }
                # 4 says that the freshness time counts; netsh sets it together with that time.
                $left = $left -band (-bnot 0x10007)
                if ($left -ne 0) { $lost.Add("$name bits $left") }
            }
            'DefaultSslRevocationFreshnessTime' { if ([long]$value -ne 0) { $arguments.Add("revocationfreshnesstime=$value") } }
            'DefaultSslRevocationUrlRetrievalTimeout' { if ([long]$value -ne 0) { $arguments.Add("urlretrievaltimeout=$value") } }
            'DefaultSslCtlIdentifier' { if ("$value".Length -gt 0) { $arguments.Add("sslctlidentifier=$value") } }
            'DefaultSslCtlStoreName' { if ("$value".Length -gt 0) { $arguments.Add("sslctlstorename=$value") } }
            default { $lost.Add($name) }
        }
    }
    return , $arguments
}

# An endpoint without a certificate is worse than one without a setting: what netsh cannot say is told, not refused.
function Add-SslCertLeaf($kind, $endpoint, $thumbprint, $store, $appid, $settings) {
    $arguments = New-Object Collections.Generic.List[string]
    foreach ($text in @('http', 'add', 'sslcert', (Get-SslEndpointArgument $kind $endpoint), "appid=$appid")) { $arguments.Add($text) }
    if (-not (Test-Ordinal $kind 'ccs')) { $arguments.Add("certhash=$thumbprint"); $arguments.Add("certstorename=$store") }
    $lost = New-Object Collections.Generic.List[string]
    $arguments.AddRange((ConvertTo-NetshSettings $settings $lost))
    $reply = Invoke-Native "$(Get-SystemFolder)\netsh.exe" ($arguments.ToArray())
    if ($lost.Count -gt 0) { $reply.text = "$($reply.text) (netsh cannot keep $($lost -join ', '))" }
    return $reply
}

function Remove-SslCertLeaf($kind, $endpoint) {
    return Invoke-Native "$(Get-SystemFolder)\netsh.exe" @('http', 'delete', 'sslcert', (Get-SslEndpointArgument $kind $endpoint))
}
