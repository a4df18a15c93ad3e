# The ops for certificates, IIS and http.sys: read, decide, write, read back. No Windows call in here.
function Invoke-CertificateImportPfx($action) {
    $found = Get-CertificateLeaf $action.store $action.thumbprint
    if (($null -ne $found) -and $found.has_private_key) { return $false }
    $null = Import-PfxLeaf $action.store ([Convert]::FromBase64String($action.pfx)) $action.password
    $found = Get-CertificateLeaf $action.store $action.thumbprint
    if ($null -eq $found) { throw "certificate $($action.thumbprint) is not in store $($action.store) after the import: the PFX holds another" }
    if (-not $found.has_private_key) { throw "certificate $($action.thumbprint) has no private key in store $($action.store) after the import" }
    return $true
}
function Invoke-CertificateAdd($action) {
    if ($null -ne (Get-CertificateLeaf $action.store $action.thumbprint)) { return $false }
    $null = Add-CertificateLeaf $action.store ([Convert]::FromBase64String($action.der))
    if ($null -eq (Get-CertificateLeaf $action.store $action.thumbprint)) { throw "certificate $($action.thumbprint) is not in store $($action.store) after it was added" }
    return $true
}
# http.sys keeps the store as it was named to netsh: MY or My, and nothing at all where it was not named.
function Test-Store($one, $other) {
    $left = "$one"
    $right = "$other"
    if ($left.Length -eq 0) { $left = 'My' }
    if ($right.Length -eq 0) { $right = 'My' }
    return Test-Name $left $right
}
function Invoke-CertificateRemove($action) {
    if ($null -eq (Get-CertificateLeaf $action.store $action.thumbprint)) { return $false }
    foreach ($entry in @(Get-SslCertsLeaf)) {
        if ((Test-Name $entry.thumbprint $action.thumbprint) -and (Test-Store $entry.store $action.store)) {
            throw "certificate $($action.thumbprint) is still in use: http.sys names it for $($entry.kind) $($entry.endpoint)"
        }
    }
    $null = Remove-CertificateLeaf $action.store $action.thumbprint
    if ($null -ne (Get-CertificateLeaf $action.store $action.thumbprint)) { throw "certificate $($action.thumbprint) is still in store $($action.store) after its removal" }
    return $true
}
function Assert-CertificateWithKey($store, $thumbprint) {
    $found = Get-CertificateLeaf $store $thumbprint
    if ($null -eq $found) { throw "certificate $thumbprint is not in store $store of LocalMachine" }
    if (-not $found.has_private_key) { throw "certificate $thumbprint in store $store of LocalMachine has no private key" }
}
function Invoke-CertificateAllowKey($action) {
    Assert-CertificateWithKey $action.store $action.thumbprint
    if (Test-KeyReaderLeaf $action.store $action.thumbprint $action.account) { return $false }
    $null = Grant-KeyLeaf $action.store $action.thumbprint $action.account
    if (-not (Test-KeyReaderLeaf $action.store $action.thumbprint $action.account)) { throw "$($action.account) still cannot read the private key of certificate $($action.thumbprint)" }
    return $true
}

function Find-Site($name) {
    foreach ($site in @(Get-SitesLeaf)) {
        if (Test-Name $site.name $name) { return $site }
    }
}
function Select-Bindings($site, $protocol, $information) {
    foreach ($binding in $site.bindings) {
        if ((Test-Name $binding.protocol $protocol) -and (Test-Name $binding.information $information)) { $binding }
    }
}
function Assert-BindingFree($name, $protocol, $information) {
    foreach ($site in @(Get-SitesLeaf)) {
        if ((-not (Test-Name $site.name $name)) -and (@(Select-Bindings $site $protocol $information).Length -gt 0)) {
            throw "site '$($site.name)' has the binding $protocol $information"
        }
    }
}
# The bindings of one site with this text; an error where there is no such site or it has the binding more than once.
function Get-OwnBindings($name, $protocol, $information) {
    $site = Find-Site $name
    if ($null -eq $site) { throw "there is no site '$name'" }
    $found = @(Select-Bindings $site $protocol $information)
    if ($found.Length -gt 1) { throw "site '$name' has the binding $protocol $information twice" }
    foreach ($binding in $found) { $binding }
}
function Test-BindingThere($name, $protocol, $information, $flags) {
    $found = @(Get-OwnBindings $name $protocol $information)
    if ($found.Length -eq 0) { return $false }
    return ([long]$found[0].ssl_flags) -eq ([long]$flags)
}
function Invoke-IisSiteAdd($action) {
    if ($null -ne (Find-Site $action.site)) { return $false }
    Assert-BindingFree $action.site $action.protocol $action.information
    $null = Add-SiteLeaf $action.site $action.path $action.protocol $action.information ([long]$action.ssl_flags)
    if (-not (Test-BindingThere $action.site $action.protocol $action.information $action.ssl_flags)) { throw "site '$($action.site)' lacks its binding $($action.protocol) $($action.information) after it was added" }
    return $true
}
function Invoke-IisSiteStart($action) {
    $site = Find-Site $action.site
    if ($null -eq $site) { throw "there is no site '$($action.site)'" }
    if (Test-Text $site.state 'Started') { return $false }
    $null = Start-SiteLeaf $action.site
    $site = Find-Site $action.site
    if (-not (Test-Text $site.state 'Started')) { throw "site '$($action.site)' is $($site.state) after its start" }
    return $true
}
function Invoke-IisBindingAdd($action) {
    $found = @(Get-OwnBindings $action.site $action.protocol $action.information)
    Assert-BindingFree $action.site $action.protocol $action.information
    if ($found.Length -eq 0) {
        $null = Add-BindingLeaf $action.site $action.protocol $action.information ([long]$action.ssl_flags)
    } elseif (([long]$found[0].ssl_flags) -eq ([long]$action.ssl_flags)) {
        return $false
    } else {
        $null = Set-BindingFlagsLeaf $action.site $action.protocol $action.information ([long]$action.ssl_flags)
    }
    if (-not (Test-BindingThere $action.site $action.protocol $action.information $action.ssl_flags)) { throw "site '$($action.site)' does not have the binding $($action.protocol) $($action.information) as it was written" }
    return $true
}
function Invoke-IisBindingRemove($action) {
    $found = @(Get-OwnBindings $action.site $action.protocol $action.information)
    if ($found.Length -eq 0) { return $false }
    $null = Remove-BindingLeaf $action.site $action.protocol $action.information
    $found = @(Get-OwnBindings $action.site $action.protocol $action.information)
    if ($found.Length -gt 0) { throw "site '$($action.site)' still has the binding $($action.protocol) $($action.information) after its removal" }
    return $true
}

function Find-SslCert($kind, $endpoint) {
    foreach ($entry in @(Get-SslCertsLeaf)) {
        if ((Test-Text $entry.kind $kind) -and (Test-Name $entry.endpoint $endpoint)) { return $entry }
    }
}
function Test-SslCert($entry, $thumbprint, $store) {
    if ($null -eq $entry) { return $false }
    return (Test-Name $entry.thumbprint $thumbprint) -and (Test-Store $entry.store $store)
}
# These two give what netsh said and never throw: once the old entry is gone, each way of failing must lead to putting it back.
function Add-SslCert($kind, $endpoint, $thumbprint, $store, $appid, $settings) {
    try { $run = Add-SslCertLeaf $kind $endpoint $thumbprint $store $appid $settings } catch { return "$($_.Exception.GetBaseException().Message)" }
    return "$($run.text)"
}
function Remove-SslCert($kind, $endpoint) {
    try { $run = Remove-SslCertLeaf $kind $endpoint } catch { return "$($_.Exception.GetBaseException().Message)" }
    return "$($run.text)"
}
# Makes the endpoint what it was; true where it reads back so.
function Restore-SslCert($kind, $endpoint, $old) {
    if ($null -ne (Find-SslCert $kind $endpoint)) { $null = Remove-SslCert $kind $endpoint }
    if ($null -eq $old) { return $null -eq (Find-SslCert $kind $endpoint) }
    $null = Add-SslCert $kind $endpoint $old.thumbprint $old.store $old.appid $old.settings
    return Test-SslCert (Find-SslCert $kind $endpoint) $old.thumbprint $old.store
}
function Invoke-SslCertSet($action) {
    $what = "$($action.kind) $($action.endpoint)"
    $old = Find-SslCert $action.kind $action.endpoint
    if (Test-SslCert $old $action.thumbprint $action.store) { return $false }
    if (-not (Test-Text $action.kind 'ccs')) { Assert-CertificateWithKey $action.store $action.thumbprint }
    $appid = $action.appid
    $settings = [ordered]@{}
    if ($null -ne $old) {
        $appid = $old.appid
        $settings = $old.settings
        $said = Remove-SslCert $action.kind $action.endpoint
        if ($null -ne (Find-SslCert $action.kind $action.endpoint)) { throw "http.sys keeps its entry for $what and nothing was changed: $said" }
    }
    $said = Add-SslCert $action.kind $action.endpoint $action.thumbprint $action.store $appid $settings
    if (Test-SslCert (Find-SslCert $action.kind $action.endpoint) $action.thumbprint $action.store) { return $true }
    if (-not (Restore-SslCert $action.kind $action.endpoint $old)) { throw "http.sys did not take the certificate for $what, and what it held before could not be put back: $said" }
    throw "http.sys did not take the certificate for $what, and what it held before was put back: $said"
}
function Invoke-SslCertRemove($action) {
    $entry = Find-SslCert $action.kind $action.endpoint
    if ($null -eq $entry) { return $false }
    if (-not (Test-Name $entry.thumbprint $action.thumbprint)) { throw "http.sys names certificate $($entry.thumbprint) for $($action.kind) $($action.endpoint) by now, not $($action.thumbprint)" }
    $said = Remove-SslCert $action.kind $action.endpoint
    if ($null -ne (Find-SslCert $action.kind $action.endpoint)) { throw "http.sys keeps its entry for $($action.kind) $($action.endpoint): $said" }
    return $true
}
