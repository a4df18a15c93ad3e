# The Windows firewall and names. One Windows call each, plain data in and out, no decisions. Rules are read from the registry
# by their names (asking the cmdlets takes a minute on a host with a thousand rules) and written by the cmdlets, by name.

function Get-FirewallPath { return 'HKLM:\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules' }

# 10.0.0.0/255.0.0.0 as 10.0.0.0/8; a mask of one host is left out; all else as it is.
function ConvertFrom-FirewallAddress([string]$address) {
    $parts = $address.Split([char[]]'/', 2)
    if ($parts.Count -ne 2) { return $address }
    $mask = $null
    $bits = 0
    if ($parts[1].IndexOf([char]46) -lt 0) { $bits = [int]$parts[1] } else {
        if (-not [Net.IPAddress]::TryParse($parts[1], [ref]$mask)) { return $address }
        foreach ($byte in $mask.GetAddressBytes()) { for ($bit = 7; $bit -ge 0; $bit--) { if (($byte -band (1 -shl $bit)) -ne 0) { $bits++ } } }
    }
    $most = 32
    if ($parts[0].IndexOf([char]58) -ge 0) { $most = 128 }
    if ($bits -eq $most) { return $parts[0] }
    return "$($parts[0])/$bits"
}

function Get-FirewallProtocol([string]$number) {
    if (Test-Ordinal $number '6') { return 'TCP' }
    if (Test-Ordinal $number '17') { return 'UDP' }
    return $number
}

# One rule as the registry keeps it: v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=443|...|
function ConvertFrom-FirewallRule([string]$text) {
    $ports = New-Object Collections.Generic.List[string]
    $addresses = New-Object Collections.Generic.List[string]
    $profiles = New-Object Collections.Generic.List[string]
    $rule = [ordered]@{
        group = ''; display = ''; direction = 'Outbound'; action = ''; protocol = 'Any'; local_ports = @(); remote_addresses = @()
        program = ''; profiles = 'Any'; enabled = $false
    }
    foreach ($field in $text.Split([char[]]'|')) {
        $parts = $field.Split([char[]]'=', 2)
        if ($parts.Count -ne 2) { continue }
        $value = $parts[1]
        switch -CaseSensitive ($parts[0]) {
            'Action' { $rule.action = $value }
            'Active' { $rule.enabled = [string]::Equals($value, 'TRUE', [StringComparison]::OrdinalIgnoreCase) }
            'Dir' { if (Test-Ordinal $value 'In') { $rule.direction = 'Inbound' } }
            'Protocol' { $rule.protocol = Get-FirewallProtocol $value }
            'LPort' { $ports.Add($value) }
            'LPort2_10' { $ports.Add($value) }
            'RA4' { $addresses.Add((ConvertFrom-FirewallAddress $value)) }
            'RA6' { $addresses.Add((ConvertFrom-FirewallAddress $value)) }
            'RA42' { $addresses.Add($value) }
            'RA62' { $addresses.Add($value) }
            'App' { $rule.program = $value }
            'Name' { $rule.display = $value }
            'EmbedCtxt' { $rule.group = $value }
            'Profile' { $profiles.Add($value) }
        }
    }
    $rule.local_ports = $ports.ToArray()
    $rule.remote_addresses = $addresses.ToArray()
    if ($profiles.Count -gt 0) { $rule.profiles = $profiles.ToArray() -join ',' }
    return $rule
}

function Get-FirewallRuleLeaf($rule) {
    $entry = Get-RegistryValueLeaf (Get-FirewallPath) $rule '64'
    if ($null -eq $entry) { return }
    return ConvertFrom-FirewallRule "$($entry.data)"
}

# The cmdlets would take such a name for a pattern and change other rules as well.
function Confirm-RuleName([string]$rule) {
    if ($rule.Length -eq 0 -or $rule.IndexOfAny([char[]]'*?[]') -ge 0) { throw "the firewall's rule '$rule' cannot be addressed by its name" }
}

# The parameters that making and changing a rule have in common; what is empty means any.
function Get-RuleParameters($direction, $action, $protocol, $local_ports, $remote_addresses, $program, $profiles, $enabled) {
    $ports = [string[]]@($local_ports | Where-Object { $null -ne $_ })
    $addresses = [string[]]@($remote_addresses | Where-Object { $null -ne $_ })
    if ($ports.Count -eq 0) { $ports = [string[]]@('Any') }
    if ($addresses.Count -eq 0) { $addresses = [string[]]@('Any') }
    if ("$program".Length -eq 0) { $program = 'Any' }
    $text = 'False'
    if ($enabled) { $text = 'True' }
    return @{
        Direction = "$direction"; Action = "$action"; Protocol = "$protocol"; LocalPort = $ports; RemoteAddress = $addresses
        Program = "$program"; Profile = "$profiles"; Enabled = $text; ErrorAction = 'Stop'
    }
}

# A rule that is there is changed in place, so that there is no moment without it; its group cannot be, so that it is made anew.
function Set-FirewallRuleLeaf($rule, $group, $display, $direction, $action, $protocol, $local_ports, $remote_addresses, $program, $profiles, $enabled) {
    Confirm-RuleName $rule
    $parameters = Get-RuleParameters $direction $action $protocol $local_ports $remote_addresses $program $profiles $enabled
    $present = Get-FirewallRuleLeaf $rule
    if ($null -ne $present -and (Test-Ordinal $present.group $group)) {
        $null = Set-NetFirewallRule -Name $rule -NewDisplayName $display @parameters
        return
    }
    if ($null -ne $present) { $null = Remove-NetFirewallRule -Name $rule -ErrorAction Stop }
    $null = New-NetFirewallRule -Name $rule -DisplayName $display -Group $group @parameters
}

function Remove-FirewallRuleLeaf($rule) {
    Confirm-RuleName $rule
    $null = Remove-NetFirewallRule -Name $rule -ErrorAction Stop
}

function Enable-FirewallRuleLeaf($rule, $enabled) {
    Confirm-RuleName $rule
    $text = 'False'
    if ($enabled) { $text = 'True' }
    $null = Set-NetFirewallRule -Name $rule -Enabled $text -ErrorAction Stop
}

# Addresses by which this machine reaches a name; nothing where it knows none.
function Resolve-NameLeaf($name) {
    try { $addresses = [Net.Dns]::GetHostAddresses($name) } catch [Net.Sockets.SocketException] { return }
    foreach ($address in $addresses) { $address.ToString() }
}
