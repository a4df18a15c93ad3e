# For tests only, in the place of the real leaves: the same names over a small machine that a case describes (docs/windows-payload.md,
# "Cases"). Names are compared ordinally here, but for certificates' thumbprints and the names of stores.
$FakeCalls = New-Object Collections.ArrayList
$FakeWorld = New-Object 'Collections.Generic.Dictionary[string,object]' ([StringComparer]::Ordinal)

function New-FakeMap { return New-Object 'Collections.Generic.Dictionary[string,object]' ([StringComparer]::Ordinal) }
function Test-FakeText($one, $other) { return [string]::Equals("$one", "$other", [StringComparison]::Ordinal) }
function Test-FakeName($one, $other) { return [string]::Equals("$one", "$other", [StringComparison]::OrdinalIgnoreCase) }
# Each part of the case's machine becomes a map (or a list) of its own, so that a case can look at it afterwards.
function Set-FakeMap($part, $object) {
    $map = New-FakeMap
    if ($null -ne $object) {
        foreach ($property in $object.PSObject.Properties) { $map.Add($property.Name, $property.Value) }
    }
    $FakeWorld[$part] = $map
}
function Set-FakeList($part, $items) {
    $list = New-Object Collections.ArrayList
    foreach ($item in $items) { $null = $list.Add($item) }
    $FakeWorld[$part] = $list
}
function Initialize-FakeMachine($machine) {
    foreach ($part in @('stores', 'pfx', 'der', 'services', 'files', 'accounts', 'firewall', 'names', 'swaps', 'file_readers')) { Set-FakeMap $part $machine.$part }
    foreach ($part in @('sites', 'sslcerts', 'folders', 'dead_men', 'refuses', 'ignores')) { Set-FakeList $part $machine.$part }
    $registry = New-FakeMap
    if ($null -ne $machine.registry) {
        foreach ($key in $machine.registry.PSObject.Properties) {
            $values = New-FakeMap
            foreach ($value in $key.Value.PSObject.Properties) { $values.Add($value.Name, $value.Value) }
            $registry.Add((Get-FakeKey $key.Name), $values)
        }
    }
    $FakeWorld['registry'] = $registry
    $FakeWorld['iis'] = $machine.iis
    $FakeWorld['os'] = $machine.os
    $FakeWorld['lock'] = $machine.lock
    $FakeWorld['user'] = $machine.user
    $FakeWorld['time_ms'] = $machine.time_ms
}
# A key of the 32-bit view is written 32|PATH in a case.
function Get-FakeKey($name) {
    if ($name.StartsWith('32|', [StringComparison]::Ordinal)) { return $name }
    return "64|$name"
}
function Get-FakeMachineAfter {
    $after = [ordered]@{}
    foreach ($part in @('stores', 'services', 'files', 'accounts', 'firewall')) { $after[$part] = $FakeWorld[$part] }
    foreach ($part in @('sites', 'sslcerts', 'folders', 'dead_men')) { $after[$part] = $FakeWorld[$part].ToArray() }
    $registry = New-FakeMap
    foreach ($key in $FakeWorld['registry'].GetEnumerator()) {
        $name = $key.Key
        if ($name.StartsWith('64|', [StringComparison]::Ordinal)) { $name = $name.Substring(3) }
        $registry.Add($name, $key.Value)
    }
    $after['registry'] = $registry
    $after['lock'] = $FakeWorld['lock']
    return $after
}

function Format-FakeArgument($argument) {
    if ($argument -is [byte[]]) { return "$($argument.Length)" }
    if ($argument -is [array]) { return ($argument -join ',') }
    return "$argument"
}
# Records the line; gives 'do', 'refuse' or 'ignore'.
function Add-FakeCall($name, $arguments) {
    $line = $name
    foreach ($argument in $arguments) { $line = $line + ' ' + (Format-FakeArgument $argument) }
    $null = $FakeCalls.Add($line)
    foreach ($start in $FakeWorld['refuses']) {
        if ($line.StartsWith($start, [StringComparison]::Ordinal)) { return 'refuse' }
    }
    foreach ($start in $FakeWorld['ignores']) {
        if ($line.StartsWith($start, [StringComparison]::Ordinal)) { return 'ignore' }
    }
    return 'do'
}
# For the leaves that give nothing: true where the work is to be done.
function Test-FakeWrite($name, $arguments) {
    $verdict = Add-FakeCall $name $arguments
    if (Test-FakeText $verdict 'refuse') { throw "the machine refuses $name" }
    return Test-FakeText $verdict 'do'
}
# What the leaves give that run a program: code 0 also where it did nothing.
function Get-FakeRun($verdict) {
    if (Test-FakeText $verdict 'refuse') { return [ordered]@{ code = 1; text = 'the machine refuses' } }
    return [ordered]@{ code = 0; text = 'done' }
}

function Get-FakeRegistryTree($key) {
    $found = $false
    $values = New-FakeMap
    $keys = New-FakeMap
    $start = $key + '\'
    foreach ($entry in $FakeWorld['registry'].GetEnumerator()) {
        if (Test-FakeText $entry.Key $key) {
            $found = $true
            foreach ($value in $entry.Value.GetEnumerator()) { $values.Add($value.Key, $value.Value) }
        } elseif ($entry.Key.StartsWith($start, [StringComparison]::Ordinal)) {
            $found = $true
            $child = $entry.Key.Substring($start.Length).Split([char[]]'\', 2)[0]
            if (-not $keys.ContainsKey($child)) { $keys.Add($child, (Get-FakeRegistryTree ($start + $child))) }
        }
    }
    if (-not $found) { return $null }
    return [ordered]@{ values = $values; keys = $keys }
}
function Get-RegistryTreeLeaf($path, $view) { return Get-FakeRegistryTree "$view|$path" }
function Get-RegistryValueLeaf($path, $name, $view) {
    $key = "$view|$path"
    if (-not $FakeWorld['registry'].ContainsKey($key)) { return $null }
    if (-not $FakeWorld['registry'][$key].ContainsKey($name)) { return $null }
    return $FakeWorld['registry'][$key][$name]
}
function Set-RegistryValueLeaf($path, $name, $kind, $value, $view) {
    if (-not (Test-FakeWrite 'Set-RegistryValue' @($path, $name, $kind, $value, $view))) { return }
    $key = "$view|$path"
    if (-not $FakeWorld['registry'].ContainsKey($key)) { $FakeWorld['registry'].Add($key, (New-FakeMap)) }
    $FakeWorld['registry'][$key][$name] = [pscustomobject]@{ kind = $kind; data = $value }
}
function Remove-RegistryValueLeaf($path, $name, $view) {
    if (-not (Test-FakeWrite 'Remove-RegistryValue' @($path, $name, $view))) { return }
    $null = $FakeWorld['registry']["$view|$path"].Remove($name)
}

function Get-FakeStoreName($store) {
    foreach ($entry in $FakeWorld['stores'].GetEnumerator()) {
        if (Test-FakeName $entry.Key $store) { return $entry.Key }
    }
}
function Get-FakeStore($store) {
    $name = Get-FakeStoreName $store
    if ($null -eq $name) { throw "there is no store $store in LocalMachine" }
    foreach ($certificate in $FakeWorld['stores'][$name]) { $certificate }
}
function Find-FakeCertificate($store, $thumbprint) {
    foreach ($certificate in @(Get-FakeStore $store)) {
        if (Test-FakeName $certificate.thumbprint $thumbprint) { return $certificate }
    }
}
# Puts the others and this one (or none) into the store.
function Set-FakeCertificate($store, $thumbprint, $certificate) {
    $name = Get-FakeStoreName $store
    $list = New-Object Collections.ArrayList
    foreach ($other in @(Get-FakeStore $store)) {
        if (-not (Test-FakeName $other.thumbprint $thumbprint)) { $null = $list.Add($other) }
    }
    if ($null -ne $certificate) { $null = $list.Add($certificate) }
    $FakeWorld['stores'][$name] = $list.ToArray()
}
function Get-StoreLeaf($store) {
    if ($null -eq (Get-FakeStoreName $store)) { return $null }
    $list = New-Object Collections.ArrayList
    foreach ($certificate in @(Get-FakeStore $store)) {
        $null = $list.Add([ordered]@{ der = "$($certificate.der)"; has_private_key = $certificate.has_private_key; friendly_name = "$($certificate.friendly_name)"; readers = $certificate.readers })
    }
    return [ordered]@{ certificates = $list.ToArray() }
}
function Get-CertificateLeaf($store, $thumbprint) {
    $certificate = Find-FakeCertificate $store $thumbprint
    if ($null -eq $certificate) { return $null }
    return [ordered]@{ thumbprint = $certificate.thumbprint; has_private_key = $certificate.has_private_key }
}
function Test-KeyReaderLeaf($store, $thumbprint, $account) {
    foreach ($reader in (Find-FakeCertificate $store $thumbprint).readers) {
        if (Test-FakeText $reader $account) { return $true }
    }
    return $false
}
function Import-PfxLeaf($store, $bytes, $password) {
    if (-not (Test-FakeWrite 'Import-Pfx' @($store, $bytes, '***'))) { return }
    $null = @(Get-FakeStore $store)
    $text = [Convert]::ToBase64String($bytes)
    if (-not $FakeWorld['pfx'].ContainsKey($text)) { throw 'Cannot find the requested object.' }
    $pfx = $FakeWorld['pfx'][$text]
    if (-not (Test-FakeText $pfx.password $password)) { throw 'The specified network password is not correct.' }
    foreach ($certificate in $pfx.certificates) {
        Set-FakeCertificate $store $certificate.thumbprint ([pscustomobject]@{ thumbprint = $certificate.thumbprint; has_private_key = $certificate.has_private_key; readers = @() })
    }
}
function Add-CertificateLeaf($store, $bytes) {
    if (-not (Test-FakeWrite 'Add-Certificate' @($store, $bytes))) { return }
    $null = @(Get-FakeStore $store)
    $text = [Convert]::ToBase64String($bytes)
    if (-not $FakeWorld['der'].ContainsKey($text)) { throw 'Cannot find the requested object.' }
    $thumbprint = $FakeWorld['der'][$text]
    Set-FakeCertificate $store $thumbprint ([pscustomobject]@{ thumbprint = $thumbprint; has_private_key = $false; readers = @() })
}
function Remove-CertificateLeaf($store, $thumbprint) {
    if (-not (Test-FakeWrite 'Remove-Certificate' @($store, $thumbprint))) { return }
    Set-FakeCertificate $store $thumbprint $null
}
function Grant-KeyLeaf($store, $thumbprint, $account) {
    if (-not (Test-FakeWrite 'Grant-Key' @($store, $thumbprint, $account))) { return }
    $certificate = Find-FakeCertificate $store $thumbprint
    $readers = New-Object Collections.ArrayList
    foreach ($reader in $certificate.readers) { $null = $readers.Add($reader) }
    $null = $readers.Add($account)
    Set-FakeCertificate $store $thumbprint ([pscustomobject]@{ thumbprint = $certificate.thumbprint; has_private_key = $certificate.has_private_key; readers = $readers.ToArray() })
}

function Get-IisLeaf { return $FakeWorld['iis'] }
function Get-SitesLeaf { foreach ($site in $FakeWorld['sites'].ToArray()) { $site } }
function Find-FakeSite($name) {
    foreach ($site in $FakeWorld['sites']) {
        if (Test-FakeText $site.name $name) { return $site }
    }
    throw "there is no site $name"
}
function New-FakeBinding($protocol, $information, $flags) {
    return [pscustomobject]@{ protocol = $protocol; information = $information; ssl_flags = $flags }
}
# Gives the site all its bindings but those with this text, and then this one (or none).
function Set-FakeBinding($name, $protocol, $information, $binding) {
    $site = Find-FakeSite $name
    $list = New-Object Collections.ArrayList
    foreach ($other in $site.bindings) {
        if (-not ((Test-FakeText $other.protocol $protocol) -and (Test-FakeText $other.information $information))) { $null = $list.Add($other) }
    }
    if ($null -ne $binding) { $null = $list.Add($binding) }
    $site.bindings = $list.ToArray()
}
function Add-SiteLeaf($site, $path, $protocol, $information, $ssl_flags) {
    if (-not (Test-FakeWrite 'Add-Site' @($site, $path, $protocol, $information, $ssl_flags))) { return }
    $id = 0
    foreach ($other in $FakeWorld['sites']) {
        if ($other.id -gt $id) { $id = $other.id }
    }
    $list = New-Object Collections.ArrayList
    $null = $list.Add((New-FakeBinding $protocol $information $ssl_flags))
    $null = $FakeWorld['sites'].Add([pscustomobject]@{ name = $site; id = $id + 1; state = 'Stopped'; bindings = $list.ToArray() })
}
function Start-SiteLeaf($site) {
    if (-not (Test-FakeWrite 'Start-Site' @($site))) { return }
    $found = Find-FakeSite $site
    $found.state = 'Started'
}
function Add-BindingLeaf($site, $protocol, $information, $ssl_flags) {
    if (-not (Test-FakeWrite 'Add-Binding' @($site, $protocol, $information, $ssl_flags))) { return }
    Set-FakeBinding $site $protocol $information (New-FakeBinding $protocol $information $ssl_flags)
}
function Set-BindingFlagsLeaf($site, $protocol, $information, $ssl_flags) {
    if (-not (Test-FakeWrite 'Set-BindingFlags' @($site, $protocol, $information, $ssl_flags))) { return }
    Set-FakeBinding $site $protocol $information (New-FakeBinding $protocol $information $ssl_flags)
}
function Remove-BindingLeaf($site, $protocol, $information) {
    if (-not (Test-FakeWrite 'Remove-Binding' @($site, $protocol, $information))) { return }
    Set-FakeBinding $site $protocol $information $null
}

function Get-SslCertsLeaf { foreach ($entry in $FakeWorld['sslcerts'].ToArray()) { $entry } }
function Format-FakeSettings($settings) {
    $names = New-Object Collections.ArrayList
    $texts = New-FakeMap
    if ($settings -is [Collections.IDictionary]) {
        foreach ($entry in $settings.GetEnumerator()) { $texts.Add($entry.Key, $entry.Value) }
    } elseif ($null -ne $settings) {
        foreach ($property in $settings.PSObject.Properties) { $texts.Add($property.Name, $property.Value) }
    }
    foreach ($entry in $texts.GetEnumerator()) { $null = $names.Add($entry.Key) }
    $names.Sort([StringComparer]::Ordinal)
    $parts = New-Object Collections.ArrayList
    foreach ($name in $names.ToArray()) { $null = $parts.Add("$name=$($texts[$name])") }
    return ($parts.ToArray() -join ',')
}
function Remove-FakeSslCert($kind, $endpoint) {
    $list = New-Object Collections.ArrayList
    foreach ($entry in $FakeWorld['sslcerts']) {
        if (-not ((Test-FakeText $entry.kind $kind) -and (Test-FakeText $entry.endpoint $endpoint))) { $null = $list.Add($entry) }
    }
    $FakeWorld['sslcerts'] = $list
}
function Add-SslCertLeaf($kind, $endpoint, $thumbprint, $store, $appid, $settings) {
    $verdict = Add-FakeCall 'Add-SslCert' @($kind, $endpoint, $thumbprint, $store, $appid, (Format-FakeSettings $settings))
    if (Test-FakeText $verdict 'do') {
        $taken = $thumbprint
        if ($FakeWorld['swaps'].ContainsKey("$thumbprint")) { $taken = $FakeWorld['swaps']["$thumbprint"] }
        $null = $FakeWorld['sslcerts'].Add([pscustomobject]@{ kind = $kind; endpoint = $endpoint; thumbprint = $taken; store = $store; appid = $appid; settings = $settings })
    }
    return Get-FakeRun $verdict
}
function Remove-SslCertLeaf($kind, $endpoint) {
    $verdict = Add-FakeCall 'Remove-SslCert' @($kind, $endpoint)
    if (Test-FakeText $verdict 'do') { Remove-FakeSslCert $kind $endpoint }
    return Get-FakeRun $verdict
}

function Get-ServiceLeaf($service) {
    if ($FakeWorld['services'].ContainsKey($service)) { return $FakeWorld['services'][$service] }
}
function Set-ServiceStartLeaf($service, $start) {
    if (-not (Test-FakeWrite 'Set-ServiceStart' @($service, $start))) { return }
    $FakeWorld['services'][$service].start = $start
}
function Start-ServiceLeaf($service) {
    if (-not (Test-FakeWrite 'Start-Service' @($service))) { return }
    if (Test-FakeText $FakeWorld['services'][$service].start 'Disabled') { throw "service $service is disabled" }
    $FakeWorld['services'][$service].state = 'Running'
}
function Stop-ServiceLeaf($service) {
    if (-not (Test-FakeWrite 'Stop-Service' @($service))) { return }
    $FakeWorld['services'][$service].state = 'Stopped'
}

function Get-FakeFile($path, $content) {
    $text = $FakeWorld['files'][$path]
    $bytes = [Convert]::FromBase64String($text)
    $hash = [Security.Cryptography.SHA256]::Create()
    $file = [ordered]@{ sha256 = [BitConverter]::ToString($hash.ComputeHash($bytes)).Replace('-', '').ToLowerInvariant(); size = $bytes.Length; content = $null }
    if ($content) { $file.content = $text }
    return $file
}
function Get-FileLeaf($path, $content) {
    if ($FakeWorld['files'].ContainsKey($path)) { return Get-FakeFile $path $content }
}
function Test-FakeHashOnly($name, $hash_only) {
    foreach ($pattern in $hash_only) {
        if ($name -like $pattern) { return $true }
    }
    return $false
}
function Get-FolderLeaf($path, $content_below, $hash_only) {
    $known = Test-FolderLeaf $path
    $files = New-FakeMap
    $folders = New-Object Collections.ArrayList
    $start = $path + '\'
    foreach ($entry in $FakeWorld['files'].GetEnumerator()) {
        if ($entry.Key.StartsWith($start, [StringComparison]::Ordinal)) {
            $known = $true
            $parts = $entry.Key.Substring($start.Length).Split([char[]]'\', 2)
            if ($parts.Length -gt 1) {
                if (-not $folders.Contains($parts[0])) { $null = $folders.Add($parts[0]) }
            } else {
                $file = Get-FakeFile $entry.Key $true
                if (($file.size -ge $content_below) -or (Test-FakeHashOnly $parts[0] $hash_only)) { $file.content = $null }
                $files.Add($parts[0], $file)
            }
        }
    }
    foreach ($folder in $FakeWorld['folders']) {
        if ($folder.StartsWith($start, [StringComparison]::Ordinal)) {
            $known = $true
            $name = $folder.Substring($start.Length).Split([char[]]'\', 2)[0]
            if (-not $folders.Contains($name)) { $null = $folders.Add($name) }
        }
    }
    if (-not $known) { return $null }
    $folders.Sort([StringComparer]::Ordinal)
    return [ordered]@{ files = $files; folders = $folders.ToArray() }
}
function Test-FolderLeaf($path) { return $FakeWorld['folders'].Contains("$path") }
function Write-FileLeaf($path, $bytes, $private) {
    if (-not (Test-FakeWrite 'Write-File' @($path, $bytes, $private))) { return }
    $FakeWorld['files'][$path] = [Convert]::ToBase64String($bytes)
    if ($private) { $null = $FakeWorld['file_readers'].Remove($path) }
}
function Test-FileReaderLeaf($path, $account) {
    if (-not $FakeWorld['file_readers'].ContainsKey($path)) { return $false }
    foreach ($reader in $FakeWorld['file_readers'][$path]) {
        if (Test-FakeText $reader $account) { return $true }
    }
    return $false
}
function Grant-FileLeaf($path, $account) {
    if (-not (Test-FakeWrite 'Grant-File' @($path, $account))) { return }
    $readers = New-Object Collections.ArrayList
    if ($FakeWorld['file_readers'].ContainsKey($path)) {
        foreach ($reader in $FakeWorld['file_readers'][$path]) { $null = $readers.Add($reader) }
    }
    $null = $readers.Add($account)
    $FakeWorld['file_readers'][$path] = $readers.ToArray()
}
function Copy-FileLeaf($source, $target) {
    if (-not (Test-FakeWrite 'Copy-File' @($source, $target))) { return }
    $FakeWorld['files'][$target] = $FakeWorld['files'][$source]
}
function Remove-FileLeaf($path) {
    if (-not (Test-FakeWrite 'Remove-File' @($path))) { return }
    $null = $FakeWorld['files'].Remove($path)
}
function Add-FolderLeaf($path, $private) {
    if (-not (Test-FakeWrite 'Add-Folder' @($path, $private))) { return }
    $null = $FakeWorld['folders'].Add("$path")
}

function Get-AccountLeaf($account) {
    if ($FakeWorld['accounts'].ContainsKey($account)) { return $FakeWorld['accounts'][$account] }
}
function Add-AccountLeaf($account, $password) {
    if (-not (Test-FakeWrite 'Add-Account' @($account, '***'))) { return }
    $FakeWorld['accounts'][$account] = [pscustomobject]@{ enabled = $true; locked = $false }
}
function Unlock-AccountLeaf($account) {
    if (-not (Test-FakeWrite 'Unlock-Account' @($account))) { return }
    $FakeWorld['accounts'][$account].locked = $false
}

function Get-FirewallRuleLeaf($rule) {
    if ($FakeWorld['firewall'].ContainsKey($rule)) { return $FakeWorld['firewall'][$rule] }
}
function Set-FirewallRuleLeaf($rule, $group, $display, $direction, $action, $protocol, $local_ports, $remote_addresses, $program, $profiles, $enabled) {
    if (-not (Test-FakeWrite 'Set-FirewallRule' @($rule, $group, $display, $direction, $action, $protocol, $local_ports, $remote_addresses, $program, $profiles, $enabled))) { return }
    $FakeWorld['firewall'][$rule] = [pscustomobject]@{
        group = $group; display = $display; direction = $direction; action = $action; protocol = $protocol; local_ports = $local_ports
        remote_addresses = $remote_addresses; program = $program; profiles = $profiles; enabled = $enabled
    }
}
function Remove-FirewallRuleLeaf($rule) {
    if (-not (Test-FakeWrite 'Remove-FirewallRule' @($rule))) { return }
    $null = $FakeWorld['firewall'].Remove($rule)
}
function Enable-FirewallRuleLeaf($rule, $enabled) {
    if (-not (Test-FakeWrite 'Enable-FirewallRule' @($rule, $enabled))) { return }
    $FakeWorld['firewall'][$rule].enabled = $enabled
}

function Get-DeadMenLeaf { foreach ($man in $FakeWorld['dead_men'].ToArray()) { $man } }
function Register-DeadManLeaf($token, $seconds, $bytes) {
    if (-not (Test-FakeWrite 'Register-DeadMan' @($token, $seconds, $bytes))) { return }
    $null = $FakeWorld['dead_men'].Add([pscustomobject]@{ token = $token; due_ms = (Get-TimeLeaf) + (1000 * $seconds); fired = $false })
}
function Unregister-DeadManLeaf($token) {
    if (-not (Test-FakeWrite 'Unregister-DeadMan' @($token))) { return }
    $list = New-Object Collections.ArrayList
    foreach ($man in $FakeWorld['dead_men']) {
        if (-not (Test-FakeText $man.token $token)) { $null = $list.Add($man) }
    }
    $FakeWorld['dead_men'] = $list
}
function Start-DeadManLeaf($token) {
    if (-not (Test-FakeWrite 'Start-DeadMan' @($token))) { return }
    foreach ($man in $FakeWorld['dead_men']) {
        if (Test-FakeText $man.token $token) { $man.fired = $true }
    }
}

function Get-LockLeaf { return $FakeWorld['lock'] }
function Add-LockLeaf($token, $store, $owner, $since_ms, $expires_ms) {
    if (-not (Test-FakeWrite 'Add-Lock' @($token, $store, $owner, $since_ms, $expires_ms))) { return }
    if ($null -ne $FakeWorld['lock']) { return }
    $FakeWorld['lock'] = [pscustomobject]@{ token = $token; store = $store; owner = $owner; since_ms = $since_ms; expires_ms = $expires_ms }
}
function Remove-LockLeaf($token) {
    if (-not (Test-FakeWrite 'Remove-Lock' @($token))) { return }
    if (Test-FakeText $FakeWorld['lock'].token $token) { $FakeWorld['lock'] = $null }
}

function Get-OsLeaf {
    if ($null -ne $FakeWorld['os']) { return $FakeWorld['os'] }
    return [ordered]@{ caption = 'Windows Server'; version = '10.0'; domain_role = 3; computer = 'FAKE' }
}
function Get-UserLeaf {
    if ($null -ne $FakeWorld['user']) { return $FakeWorld['user'] }
    return [ordered]@{ name = 'FAKE\operator'; elevated = $true }
}
function Get-TimeLeaf {
    if ($null -ne $FakeWorld['time_ms']) { return [long]$FakeWorld['time_ms'] }
    return [long]1700000000000
}
function Resolve-NameLeaf($name) {
    if ($FakeWorld['names'].ContainsKey($name)) {
        foreach ($address in $FakeWorld['names'][$name]) { $address }
    }
}

function Invoke-HttpdTestLeaf($program, $configuration) { return Get-FakeRun (Add-FakeCall 'Invoke-HttpdTest' @($program, $configuration)) }
function Invoke-HttpdRehearsalLeaf($program, $configuration, $port, $seconds) {
    return Get-FakeRun (Add-FakeCall 'Invoke-HttpdRehearsal' @($program, $configuration, $port, $seconds))
}
