# One function for each op: read, decide, write, read back. No Windows call in here: whatever ends in Leaf does one, takes and
# gives plain data. Each says whether it changed anything, and throws where it could not. Certificates, IIS and http.sys
# have a file of their own. (docs/windows-payload.md, "apply")
function Test-Text($one, $other) { return [string]::Equals("$one", "$other", [StringComparison]::Ordinal) }
function Test-Name($one, $other) { return [string]::Equals("$one", "$other", [StringComparison]::OrdinalIgnoreCase) }
$OperationHandlers = New-Object 'Collections.Generic.Dictionary[string,string]' ([StringComparer]::Ordinal)
$OperationFields = New-Object 'Collections.Generic.Dictionary[string,string]' ([StringComparer]::Ordinal)
function Add-Operation($op, $handler, $fields) {
    $OperationHandlers.Add($op, $handler)
    $OperationFields.Add($op, $fields)
}
Add-Operation 'registry.set' 'Invoke-RegistrySet' 'path=text name=text view=64|32 kind=String|ExpandString|MultiString|DWord|QWord|Binary|None value=value'
Add-Operation 'registry.remove' 'Invoke-RegistryRemove' 'path=text name=text view=64|32'
Add-Operation 'certificate.import_pfx' 'Invoke-CertificateImportPfx' 'store=text thumbprint=text pfx=base64 password=text'
Add-Operation 'certificate.add' 'Invoke-CertificateAdd' 'store=text thumbprint=text der=base64'
Add-Operation 'certificate.remove' 'Invoke-CertificateRemove' 'store=text thumbprint=text'
Add-Operation 'certificate.allow_key' 'Invoke-CertificateAllowKey' 'store=text thumbprint=text account=text'
Add-Operation 'iis.site_add' 'Invoke-IisSiteAdd' 'site=text path=text protocol=text information=text ssl_flags=integer'
Add-Operation 'iis.site_start' 'Invoke-IisSiteStart' 'site=text'
Add-Operation 'iis.binding_add' 'Invoke-IisBindingAdd' 'site=text protocol=text information=text ssl_flags=integer'
Add-Operation 'iis.binding_remove' 'Invoke-IisBindingRemove' 'site=text protocol=text information=text'
Add-Operation 'sslcert.set' 'Invoke-SslCertSet' 'kind=ipport|hostnameport|ccs endpoint=text thumbprint=text store=text appid=text'
Add-Operation 'sslcert.remove' 'Invoke-SslCertRemove' 'kind=ipport|hostnameport|ccs endpoint=text thumbprint=text'
Add-Operation 'service.set' 'Invoke-ServiceSet' 'service=text state=Running|Stopped start?=Automatic|Manual|Disabled'
Add-Operation 'service.restart' 'Invoke-ServiceRestart' 'service=text'
Add-Operation 'file.write' 'Invoke-FileWrite' 'path=text content=base64 sha256=text private=boolean'
Add-Operation 'file.copy' 'Invoke-FileCopy' 'source=text target=text'
Add-Operation 'file.remove' 'Invoke-FileRemove' 'path=text'
Add-Operation 'file.allow' 'Invoke-FileAllow' 'path=text account=text'
Add-Operation 'folder.ensure' 'Invoke-FolderEnsure' 'path=text private=boolean'
Add-Operation 'account.set' 'Invoke-AccountSet' 'account=local password=text unlock=boolean'
Add-Operation 'firewall.set' 'Invoke-FirewallSet' 'rule=text group=text display=text direction=Inbound|Outbound action=Allow|Block protocol=TCP|UDP local_ports=list remote_addresses=list program=text profiles=Any enabled=boolean'
Add-Operation 'firewall.remove' 'Invoke-FirewallRemove' 'rule=text'
Add-Operation 'firewall.enable' 'Invoke-FirewallEnable' 'rule=text enabled=boolean'
Add-Operation 'deadman.arm' 'Invoke-DeadManArm' 'token=text seconds=integer script=base64'
Add-Operation 'deadman.confirm' 'Invoke-DeadManConfirm' 'token=text'
Add-Operation 'deadman.fire' 'Invoke-DeadManFire' 'token=text'
Add-Operation 'lock.take' 'Invoke-LockTake' 'token=text store=text owner=text seconds=integer'
Add-Operation 'lock.release' 'Invoke-LockRelease' 'token=text'
Add-Operation 'httpd.test' 'Invoke-HttpdTest' 'program=text configuration=text'
Add-Operation 'httpd.rehearse' 'Invoke-HttpdRehearse' 'program=text configuration=text port=integer seconds=integer'

function Test-TextsInOrder($one, $other) {
    $left = @($one)
    $right = @($other)
    if ($left.Length -ne $right.Length) { return $false }
    for ($at = 0; $at -lt $left.Length; $at++) {
        if (-not (Test-Text $left[$at] $right[$at])) { return $false }
    }
    return $true
}
function Test-NameListed($name, $list) {
    foreach ($item in $list) {
        if (Test-Name $item $name) { return $true }
    }
    return $false
}
# The order of ports and addresses says nothing, and Windows keeps its own.
function Test-SameMembers($one, $other) {
    foreach ($item in $one) {
        if (-not (Test-NameListed $item $other)) { return $false }
    }
    foreach ($item in $other) {
        if (-not (Test-NameListed $item $one)) { return $false }
    }
    return $true
}

function Test-RegistryValueSame($found, $kind, $value) {
    if ($null -eq $found) { return $false }
    if (-not (Test-Text $found.kind $kind)) { return $false }
    if (Test-Text $kind 'MultiString') { return Test-TextsInOrder $found.data $value }
    if ((Test-Text $kind 'DWord') -or (Test-Text $kind 'QWord')) { return ([decimal]$found.data) -eq ([decimal]$value) }
    return Test-Text $found.data $value
}
function Invoke-RegistrySet($action) {
    $found = Get-RegistryValueLeaf $action.path $action.name $action.view
    if (Test-RegistryValueSame $found $action.kind $action.value) { return $false }
    $null = Set-RegistryValueLeaf $action.path $action.name $action.kind $action.value $action.view
    $found = Get-RegistryValueLeaf $action.path $action.name $action.view
    if (-not (Test-RegistryValueSame $found $action.kind $action.value)) { throw "value '$($action.name)' of $($action.path) did not keep what was written" }
    return $true
}
function Invoke-RegistryRemove($action) {
    if ($null -eq (Get-RegistryValueLeaf $action.path $action.name $action.view)) { return $false }
    $null = Remove-RegistryValueLeaf $action.path $action.name $action.view
    if ($null -ne (Get-RegistryValueLeaf $action.path $action.name $action.view)) { throw "value '$($action.name)' of $($action.path) is still there after its removal" }
    return $true
}

function Get-KnownService($name) {
    $service = Get-ServiceLeaf $name
    if ($null -eq $service) { throw "there is no service '$name'" }
    return $service
}
function Assert-ServiceState($name, $state) {
    $service = Get-KnownService $name
    if (-not (Test-Text $service.state $state)) { throw "service '$name' is $($service.state), not $state" }
}
function Invoke-ServiceSet($action) {
    $service = Get-KnownService $action.service
    $changed = $false
    if (($null -ne $action.start) -and (-not (Test-Text $service.start $action.start))) {
        $null = Set-ServiceStartLeaf $action.service $action.start
        $service = Get-KnownService $action.service
        if (-not (Test-Text $service.start $action.start)) { throw "service '$($action.service)' starts $($service.start), not $($action.start)" }
        $changed = $true
    }
    if (Test-Text $service.state $action.state) { return $changed }
    if (Test-Text $action.state 'Running') { $null = Start-ServiceLeaf $action.service } else { $null = Stop-ServiceLeaf $action.service }
    Assert-ServiceState $action.service $action.state
    return $true
}
function Invoke-ServiceRestart($action) {
    $service = Get-KnownService $action.service
    if (-not (Test-Text $service.state 'Stopped')) {
        $null = Stop-ServiceLeaf $action.service
        Assert-ServiceState $action.service 'Stopped'
    }
    $null = Start-ServiceLeaf $action.service
    Assert-ServiceState $action.service 'Running'
    return $true
}

function Get-Digest($bytes) {
    $hash = [Security.Cryptography.SHA256]::Create()
    return [BitConverter]::ToString($hash.ComputeHash($bytes)).Replace('-', '')
}
function Test-FileDigest($path, $digest) {
    $file = Get-FileLeaf $path $false
    if ($null -eq $file) { return $false }
    return Test-Name $file.sha256 $digest
}
function Invoke-FileWrite($action) {
    $bytes = [Convert]::FromBase64String($action.content)
    if (-not (Test-Name (Get-Digest $bytes) $action.sha256)) { throw "the content for $($action.path) does not have the SHA-256 that was sent with it" }
    if (Test-FileDigest $action.path $action.sha256) { return $false }
    $null = Write-FileLeaf $action.path $bytes $action.private
    if (-not (Test-FileDigest $action.path $action.sha256)) { throw "$($action.path) does not hold what was written" }
    return $true
}
function Invoke-FileCopy($action) {
    $source = Get-FileLeaf $action.source $false
    if ($null -eq $source) { throw "there is no file $($action.source)" }
    if (Test-FileDigest $action.target $source.sha256) { return $false }
    $null = Copy-FileLeaf $action.source $action.target
    if (-not (Test-FileDigest $action.target $source.sha256)) { throw "$($action.target) does not hold what $($action.source) holds" }
    return $true
}
function Invoke-FileRemove($action) {
    if ($null -eq (Get-FileLeaf $action.path $false)) { return $false }
    $null = Remove-FileLeaf $action.path
    if ($null -ne (Get-FileLeaf $action.path $false)) { throw "$($action.path) is still there after its removal" }
    return $true
}
function Invoke-FileAllow($action) {
    if ($null -eq (Get-FileLeaf $action.path $false)) { throw "there is no file $($action.path)" }
    if (Test-FileReaderLeaf $action.path $action.account) { return $false }
    $null = Grant-FileLeaf $action.path $action.account
    if (-not (Test-FileReaderLeaf $action.path $action.account)) { throw "$($action.account) still cannot read $($action.path)" }
    return $true
}
function Invoke-FolderEnsure($action) {
    if (Test-FolderLeaf $action.path) { return $false }
    $null = Add-FolderLeaf $action.path $action.private
    if (-not (Test-FolderLeaf $action.path)) { throw "folder $($action.path) is not there after it was made" }
    return $true
}

function Get-KnownAccount($name) {
    $account = Get-AccountLeaf $name
    if ($null -eq $account) { throw "there is no local account '$name' after it was made" }
    return $account
}
function Invoke-AccountSet($action) {
    $changed = $false
    if ($null -eq (Get-AccountLeaf $action.account)) {
        $null = Add-AccountLeaf $action.account $action.password
        $changed = $true
    }
    $account = Get-KnownAccount $action.account
    if (-not ($action.unlock -and $account.locked)) { return $changed }
    $null = Unlock-AccountLeaf $action.account
    $account = Get-KnownAccount $action.account
    if ($account.locked) { throw "local account '$($action.account)' is still locked" }
    return $true
}

# The first field in which the rule is not what was asked for; nothing where it is.
function Find-FirewallDifference($rule, $action) {
    foreach ($field in @('group', 'display', 'direction', 'action', 'protocol', 'profiles')) {
        if (-not (Test-Text $rule.$field $action.$field)) { return $field }
    }
    if (-not (Test-Name $rule.program $action.program)) { return 'program' }
    foreach ($field in @('local_ports', 'remote_addresses')) {
        if (-not (Test-SameMembers $rule.$field $action.$field)) { return $field }
    }
    if (([bool]$rule.enabled) -ne $action.enabled) { return 'enabled' }
}
function Invoke-FirewallSet($action) {
    $rule = Get-FirewallRuleLeaf $action.rule
    if (($null -ne $rule) -and ($null -eq (Find-FirewallDifference $rule $action))) { return $false }
    $null = Set-FirewallRuleLeaf $action.rule $action.group $action.display $action.direction $action.action $action.protocol $action.local_ports $action.remote_addresses $action.program $action.profiles $action.enabled
    $rule = Get-FirewallRuleLeaf $action.rule
    if ($null -eq $rule) { throw "there is no firewall rule '$($action.rule)' after it was written" }
    $field = Find-FirewallDifference $rule $action
    if ($null -ne $field) { throw "firewall rule '$($action.rule)' did not keep its $field" }
    return $true
}
function Invoke-FirewallRemove($action) {
    if ($null -eq (Get-FirewallRuleLeaf $action.rule)) { return $false }
    $null = Remove-FirewallRuleLeaf $action.rule
    if ($null -ne (Get-FirewallRuleLeaf $action.rule)) { throw "firewall rule '$($action.rule)' is still there after its removal" }
    return $true
}
function Invoke-FirewallEnable($action) {
    $rule = Get-FirewallRuleLeaf $action.rule
    if ($null -eq $rule) { throw "there is no firewall rule '$($action.rule)'" }
    if (([bool]$rule.enabled) -eq $action.enabled) { return $false }
    $null = Enable-FirewallRuleLeaf $action.rule $action.enabled
    $rule = Get-FirewallRuleLeaf $action.rule
    if (($null -eq $rule) -or (([bool]$rule.enabled) -ne $action.enabled)) { throw "firewall rule '$($action.rule)' did not become enabled: $($action.enabled)" }
    return $true
}

function Find-DeadMan($token) {
    foreach ($man in @(Get-DeadMenLeaf)) {
        if (Test-Text $man.token $token) { return $man }
    }
}
function Remove-DeadMan($token) {
    $null = Unregister-DeadManLeaf $token
    if ($null -ne (Find-DeadMan $token)) { throw "dead man's switch '$token' is still there after its removal" }
}
function Invoke-DeadManArm($action) {
    $found = Find-DeadMan $action.token
    if ($null -ne $found) {
        if ($found.fired) { throw "dead man's switch '$($action.token)' has fired already" }
        return $false
    }
    $null = Register-DeadManLeaf $action.token ([long]$action.seconds) ([Convert]::FromBase64String($action.script))
    $found = Find-DeadMan $action.token
    if ($null -eq $found) { throw "dead man's switch '$($action.token)' is not there after it was armed" }
    return $true
}
function Invoke-DeadManConfirm($action) {
    $found = Find-DeadMan $action.token
    if ($null -eq $found) { throw "there is no dead man's switch '$($action.token)'" }
    if ($found.fired) { throw "dead man's switch '$($action.token)' has fired: the old state was restored" }
    Remove-DeadMan $action.token
    return $true
}
function Invoke-DeadManFire($action) {
    $found = Find-DeadMan $action.token
    if ($null -eq $found) { throw "there is no dead man's switch '$($action.token)'" }
    if (-not $found.fired) {
        $null = Start-DeadManLeaf $action.token
        $found = Find-DeadMan $action.token
        if (($null -ne $found) -and (-not $found.fired)) { throw "dead man's switch '$($action.token)' did not run" }
    }
    Remove-DeadMan $action.token
    return $true
}

# Whether the lock that was found keeps an operator with that store out. Who shares a store is let through by its own lock:
# such a one was left behind. One that expires later than any can is from before the clock was set back.
function Test-LockHolds($found, $action, $now) {
    if (Test-Text $found.store $action.store) { return $false }
    return ($found.expires_ms -gt $now) -and ($found.expires_ms -le ($now + 2000 * ([long]$action.seconds)))
}
# Between looking and taking, or removing what has expired, somebody else may be faster: then once more.
function Invoke-LockTake($action) {
    for ($try = 0; $try -le 10; $try++) {
        $now = [long](Get-TimeLeaf)
        $found = Get-LockLeaf
        if ($null -ne $found) {
            if (Test-Text $found.token $action.token) { return ($try -gt 0) }
            if (Test-LockHolds $found $action $now) { throw "the machine is locked by $($found.owner)" }
            $null = Remove-LockLeaf $found.token
        }
        if ($try -eq 10) { throw 'the lock is not there after it was taken' }
        $null = Add-LockLeaf $action.token $action.store $action.owner $now ($now + 1000 * ([long]$action.seconds))
    }
}
function Invoke-LockRelease($action) {
    $found = Get-LockLeaf
    if (($null -eq $found) -or (-not (Test-Text $found.token $action.token))) { return $false }
    $null = Remove-LockLeaf $action.token
    $found = Get-LockLeaf
    if (($null -ne $found) -and (Test-Text $found.token $action.token)) { throw 'the lock is still there after its removal' }
    return $true
}

function Invoke-HttpdTest($action) {
    $run = Invoke-HttpdTestLeaf $action.program $action.configuration
    if ($run.code -ne 0) { throw "httpd refuses $($action.configuration): $($run.text)" }
    return $false
}
function Invoke-HttpdRehearse($action) {
    $run = Invoke-HttpdRehearsalLeaf $action.program $action.configuration ([long]$action.port) ([long]$action.seconds)
    if ($run.code -ne 0) { throw "httpd does not answer with $($action.configuration): $($run.text)" }
    return $false
}
