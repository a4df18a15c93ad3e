# Order, checks, envelope: no Windows call in here. The whole request is checked before its first leaf is called; names are
# compared ordinally, values with their type (docs/windows-payload.md).
function Test-Whole($value) { return (($value -is [int]) -or ($value -is [long])) -and ($value -ge 0) }
function Test-TextList($value) {
    if (-not ($value -is [array])) { return $false }
    foreach ($item in $value) {
        if (-not ($item -is [string])) { return $false }
    }
    return $true
}
function Test-Base64($value) {
    if (-not ($value -is [string])) { return $false }
    try { $null = [Convert]::FromBase64String($value) } catch { return $false }
    return $true
}
function Test-Choice($value, $choices) {
    if (-not ($value -is [string])) { return $false }
    foreach ($choice in $choices.Split([char[]]'|', 99)) {
        if (Test-Text $choice $value) { return $true }
    }
    return $false
}
function Test-LocalName($value) {
    if (-not ($value -is [string])) { return $false }
    return ($value.Length -gt 0) -and ($value.IndexOf([char]92) -lt 0) -and ($value.IndexOf([char]64) -lt 0)
}
function Get-FieldNames($thing) {
    foreach ($property in $thing.PSObject.Properties) { $property.Name }
}
function Test-FieldPresent($thing, $field) {
    foreach ($name in @(Get-FieldNames $thing)) {
        if (Test-Text $name $field) { return $true }
    }
    return $false
}
function Assert-Field($value, $type, $where) {
    if (Test-Text $type 'text') {
        if (-not ($value -is [string])) { throw "$where must be a text" }
    } elseif (Test-Text $type 'integer') {
        if (-not (Test-Whole $value)) { throw "$where must be an integer that is not negative" }
    } elseif (Test-Text $type 'boolean') {
        if (-not ($value -is [bool])) { throw "$where must be true or false" }
    } elseif (Test-Text $type 'list') {
        if (-not (Test-TextList $value)) { throw "$where must be a list of texts" }
    } elseif (Test-Text $type 'base64') {
        if (-not (Test-Base64 $value)) { throw "$where must be base64" }
    } elseif (Test-Text $type 'local') {
        if (-not (Test-LocalName $value)) { throw "$where must be the name of a local account, without domain" }
    } elseif (-not (Test-Choice $value $type)) {
        throw "$where must be one of $($type.Replace('|', ', '))"
    }
}
# Rules are words name=type; name?=type may be missing; a type with | is a choice; 'value' is checked by its kind, afterwards.
function Assert-Fields($thing, $rules, $where) {
    $known = New-Object Collections.ArrayList
    foreach ($rule in $rules.Split([char[]]' ', 99)) {
        $parts = $rule.Split([char[]]'=', 2)
        $field = $parts[0].TrimEnd([char]63)
        $null = $known.Add("$field")
        if (Test-FieldPresent $thing $field) {
            if (-not (Test-Text $parts[1] 'value')) { Assert-Field $thing.$field $parts[1] "field '$field' of $where" }
        } elseif (Test-Text $parts[0] $field) {
            throw "field '$field' of $where is missing"
        }
    }
    foreach ($name in @(Get-FieldNames $thing)) {
        if (-not $known.Contains("$name")) { throw "$where has an unknown field '$name'" }
    }
}
function Assert-Object($thing, $where) {
    if (-not ($thing -is [Management.Automation.PSCustomObject])) { throw "$where is no object" }
}
function Assert-RegistryValue($action, $where) {
    $type = 'text'
    if (Test-Text $action.kind 'MultiString') { $type = 'list' }
    if ((Test-Text $action.kind 'DWord') -or (Test-Text $action.kind 'QWord')) { $type = 'integer' }
    if ((Test-Text $action.kind 'Binary') -or (Test-Text $action.kind 'None')) { $type = 'base64' }
    Assert-Field $action.value $type "field 'value' of $where"
    if ((Test-Text $action.kind 'DWord') -and ($action.value -gt 4294967295)) { throw "field 'value' of $where is too large for a DWord" }
}
function Assert-Actions($actions) {
    $ids = New-Object Collections.ArrayList
    $number = 0
    foreach ($action in $actions) {
        $number = $number + 1
        Assert-Object $action "action $number"
        foreach ($field in @('id', 'op')) {
            if (-not (Test-FieldPresent $action $field)) { throw "field '$field' of action $number is missing" }
            Assert-Field $action.$field 'text' "field '$field' of action $number"
        }
        if ($action.id.Length -eq 0) { throw "the id of action $number is empty" }
        if ($ids.Contains("$($action.id)")) { throw "two actions have the id '$($action.id)'" }
        $null = $ids.Add("$($action.id)")
        if (-not $OperationHandlers.ContainsKey("$($action.op)")) { throw "unknown op '$($action.op)' in action '$($action.id)'" }
        $where = "action '$($action.id)' ($($action.op))"
        $rules = $OperationFields["$($action.op)"]
        Assert-Fields $action "id=text op=text $rules" $where
        if (Test-Text $action.op 'registry.set') { Assert-RegistryValue $action $where }
    }
}
function Invoke-Plan($actions) {
    Assert-Actions $actions
    $outcomes = New-Object Collections.ArrayList
    $failed = $false
    foreach ($action in $actions) {
        $outcome = [ordered]@{ id = $action.id; state = 'skipped' }
        if (-not $failed) {
            try {
                $changed = & $OperationHandlers["$($action.op)"] $action
                if (-not ($changed -is [bool])) { throw "op '$($action.op)' did not say whether it changed anything" }
                $outcome.changed = $changed
                $outcome.state = 'done'
            } catch {
                $failed = $true
                $outcome.state = 'failed'
                $outcome.error = Format-Failure $_
            }
        }
        $null = $outcomes.Add($outcome)
    }
    return [ordered]@{ actions = $outcomes.ToArray(); failed = $failed }
}
function Assert-Entries($list, $rules, $where) {
    $number = 0
    foreach ($entry in $list) {
        $number = $number + 1
        Assert-Object $entry "entry $number of $where"
        Assert-Fields $entry $rules "entry $number of $where"
    }
}
function Assert-Want($want) {
    Assert-Object $want "field 'want' of the request"
    foreach ($name in @(Get-FieldNames $want)) {
        $list = $want.$name
        $where = "field '$name' of want"
        if (-not (Test-Choice $name 'registry|stores|services|files|folders|accounts|names')) { throw "want has an unknown field '$name'" }
        if (-not ($list -is [array])) { throw "$where must be a list" }
        if (Test-Text $name 'registry') { Assert-Entries $list 'path=text view=64|32' $where }
        elseif (Test-Text $name 'files') { Assert-Entries $list 'path=text content=boolean' $where }
        elseif (Test-Text $name 'folders') { Assert-Entries $list 'path=text content_below=integer hash_only=list' $where }
        elseif (-not (Test-TextList $list)) { throw "$where must be a list of texts" }
    }
}
function New-Map { return New-Object 'Collections.Generic.Dictionary[string,object]' ([StringComparer]::Ordinal) }
# A leaf that gives nothing becomes null: on 5.1, "nothing" inside a map would be written as {}.
function Set-MapEntry($map, $name, $value) {
    if ($null -eq $value) { $map[$name] = $null } else { $map[$name] = $value }
}
function Get-RegistryState($entries) {
    foreach ($entry in $entries) {
        $part = [ordered]@{ path = $entry.path; view = $entry.view; tree = $null }
        $tree = Get-RegistryTreeLeaf $entry.path $entry.view
        if ($null -ne $tree) { $part.tree = $tree }
        $part
    }
}
function Get-StoresState($names) {
    $map = New-Map
    foreach ($name in $names) {
        $found = Get-StoreLeaf $name
        if ($null -eq $found) { $map[$name] = $null } else { $map[$name] = @($found.certificates) }
    }
    return $map
}
function Get-NamedState($part, $names) {
    $map = New-Map
    foreach ($name in $names) {
        if (Test-Text $part 'services') { Set-MapEntry $map $name (Get-ServiceLeaf $name) }
        elseif (Test-Text $part 'accounts') { Set-MapEntry $map $name (Get-AccountLeaf $name) }
        else { $map[$name] = @(Resolve-NameLeaf $name) }
    }
    return $map
}
function Get-FilesState($entries) {
    $map = New-Map
    foreach ($entry in $entries) { Set-MapEntry $map $entry.path (Get-FileLeaf $entry.path $entry.content) }
    return $map
}
function Get-FoldersState($entries) {
    $map = New-Map
    foreach ($entry in $entries) { Set-MapEntry $map $entry.path (Get-FolderLeaf $entry.path ([long]$entry.content_below) $entry.hash_only) }
    return $map
}
function Get-State($want) {
    $state = [ordered]@{ schema = 1; time_ms = [long](Get-TimeLeaf); os = (Get-OsLeaf); user = (Get-UserLeaf); iis = $null }
    $iis = Get-IisLeaf
    if ($null -ne $iis) { $state.iis = $iis }
    $state.dead_men = @(Get-DeadMenLeaf)
    Set-MapEntry $state 'lock' (Get-LockLeaf)
    if (Test-FieldPresent $want 'registry') { $state.registry = @(Get-RegistryState $want.registry) }
    if (Test-FieldPresent $want 'stores') { $state.stores = Get-StoresState $want.stores }
    if (Test-FieldPresent $want 'files') { $state.files = Get-FilesState $want.files }
    if (Test-FieldPresent $want 'folders') { $state.folders = Get-FoldersState $want.folders }
    foreach ($part in @('services', 'accounts', 'names')) {
        if (Test-FieldPresent $want $part) { $state[$part] = Get-NamedState $part $want.$part }
    }
    return $state
}
function Compress-Text($text) {
    $bytes = [Text.Encoding]::UTF8.GetBytes($text)
    $buffer = New-Object IO.MemoryStream
    $gzip = New-Object IO.Compression.GZipStream($buffer, [IO.Compression.CompressionMode]::Compress)
    $gzip.Write($bytes, 0, $bytes.Length)
    $gzip.Dispose()
    return [Convert]::ToBase64String($buffer.ToArray())
}
function Get-PackedState($want) {
    $text = ConvertTo-Json (Get-State $want) -Depth 100 -Compress -WarningAction Stop
    return [ordered]@{ gzip = (Compress-Text $text) }
}
function Invoke-Request($request) {
    Assert-Object $request 'the request'
    if (-not (Test-FieldPresent $request 'verb')) { throw "field 'verb' of the request is missing" }
    if (Test-Choice $request.verb 'state') {
        Assert-Fields $request 'verb=state want=value' 'the request'
        Assert-Want $request.want
        return Get-PackedState $request.want
    }
    if (Test-Choice $request.verb 'apply') {
        Assert-Fields $request 'verb=apply actions=value want?=value' 'the request'
        if (-not ($request.actions -is [array])) { throw "field 'actions' of the request must be a list" }
        $reads = Test-FieldPresent $request 'want'
        if ($reads) { Assert-Want $request.want }
        $result = Invoke-Plan $request.actions
        if ($reads) { $result.state = Get-PackedState $request.want }
        return $result
    }
    throw "unknown verb '$($request.verb)'"
}
