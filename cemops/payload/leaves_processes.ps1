# What runs later or for a moment: the dead man's scheduled task, a test start of httpd. Plain data in and out, no decisions.
#
# A dead man is TOKEN.ps1 (what restores), TOKEN.due (when, as milliseconds), TOKEN.fired (its first act) and TOKEN.done (its
# outcome as JSON) in a folder that only SYSTEM and Administrators enter, and a task of the same token.

function Get-DeadManFolder { return "$env:ProgramData\cemops\dead-man" }

function Test-Token([string]$token) { return $token -cmatch '\A[A-Za-z0-9_-]{1,80}\z' }

function Get-DeadManPath([string]$token, [string]$kind) {
    if (-not (Test-Token $token)) { throw "'$token' is no token" }
    return "$(Get-DeadManFolder)\$token.$kind"
}

function Get-TaskFolder {
    $service = New-Object -ComObject Schedule.Service
    $null = $service.Connect()
    return $service.GetFolder('\')
}

function Get-TaskName([string]$token) { return "cemops-dead-man-$token" }

# The text that the task runs. It is a command, not a script file: no execution policy can forbid it.
function Get-DeadManCommand([string]$token) {
    $command = @'
$ErrorActionPreference = 'Stop'
$ProgressPreference = $WarningPreference = $InformationPreference = 'SilentlyContinue'
[IO.File]::WriteAllText('#FIRED#', '')
$reply = '{"ok":false,"error":{"message":"the script left early"}}'
try {
    $script = [ScriptBlock]::Create([IO.File]::ReadAllText('#SCRIPT#'))
    foreach ($once in 1) { $result = @(& $script 6>$null); $reply = ConvertTo-Json @{ ok = $true; data = $result[0] } -Depth 100 -Compress }
} catch {
    $reply = ConvertTo-Json @{ ok = $false; error = @{ message = $_.Exception.GetBaseException().Message } } -Depth 100 -Compress
} finally { [IO.File]::WriteAllText('#DONE#', $reply) }
'@
    $fired = (Get-DeadManPath $token 'fired').Replace("'", "''")
    $script = (Get-DeadManPath $token 'ps1').Replace("'", "''")
    $done = (Get-DeadManPath $token 'done').Replace("'", "''")
    return $command.Replace('#FIRED#', $fired).Replace('#SCRIPT#', $script).Replace('#DONE#', $done)
}

function Test-Task($folder, [string]$token) {
    foreach ($task in @($folder.GetTasks(1))) { if ([string]::Equals($task.Name, (Get-TaskName $token), [StringComparison]::OrdinalIgnoreCase)) { return $true } }
    return $false
}

function Get-DeadMenLeaf {
    $prefix = Get-TaskName ''
    foreach ($task in @((Get-TaskFolder).GetTasks(1))) {
        $name = "$($task.Name)"
        if (-not $name.StartsWith($prefix, [StringComparison]::Ordinal)) { continue }
        $token = $name.Substring($prefix.Length)
        if (-not (Test-Token $token)) { continue }
        $due = Get-DeadManPath $token 'due'
        $due_ms = [long]0
        if ([IO.File]::Exists($due)) { $due_ms = [long]::Parse([IO.File]::ReadAllText($due), [Globalization.CultureInfo]::InvariantCulture) }
        [ordered]@{ token = $token; due_ms = $due_ms; fired = [IO.File]::Exists((Get-DeadManPath $token 'fired')) }
    }
}

function Add-DeadManFolder {
    Add-FolderLeaf "$env:ProgramData\cemops" $true
    Add-FolderLeaf (Get-DeadManFolder) $true
}

function Register-DeadManLeaf($token, $seconds, $bytes) {
    $command = [Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes((Get-DeadManCommand $token)))
    Add-DeadManFolder
    Unregister-DeadManLeaf $token
    $due = [DateTime]::UtcNow.AddSeconds($seconds)
    $due_ms = [long][Math]::Floor(($due.Ticks - 621355968000000000) / 10000)
    Write-FileLeaf (Get-DeadManPath $token 'ps1') $bytes $true
    Write-FileLeaf (Get-DeadManPath $token 'due') ([Text.Encoding]::ASCII.GetBytes("$due_ms")) $true
    $service = New-Object -ComObject Schedule.Service
    $null = $service.Connect()
    $task = $service.NewTask(0)
    $task.RegistrationInfo.Description = 'cemops: goes back to the state before a change that nobody confirmed'
    $task.Settings.Enabled = $true
    $task.Settings.StartWhenAvailable = $true
    $task.Settings.DisallowStartIfOnBatteries = $false
    $task.Settings.StopIfGoingOnBatteries = $false
    $task.Settings.ExecutionTimeLimit = 'PT1H'
    # 1: at a time. The time is in UTC, whatever the machine's zone and its changes are.
    $trigger = $task.Triggers.Create(1)
    $trigger.StartBoundary = $due.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", [Globalization.CultureInfo]::InvariantCulture)
    $trigger.Enabled = $true
    # 0: run a program.
    $action = $task.Actions.Create(0)
    $action.Path = "$env:SystemRoot\System32\WindowsPowerShell\v1.0\powershell.exe"
    $action.Arguments = "-NoProfile -NonInteractive -EncodedCommand $command"
    # 6: make or replace; 5: as a service account, without a password.
    try { $null = $service.GetFolder('\').RegisterTaskDefinition((Get-TaskName $token), $task, 6, 'SYSTEM', $null, 5) } catch {
        Unregister-DeadManLeaf $token
        throw
    }
}

function Unregister-DeadManLeaf($token) {
    $folder = Get-TaskFolder
    if (Test-Task $folder $token) { $null = $folder.DeleteTask((Get-TaskName $token), 0) }
    foreach ($kind in @('ps1', 'due', 'fired', 'done')) {
        $path = Get-DeadManPath $token $kind
        if ([IO.File]::Exists($path)) { [IO.File]::Delete($path) }
    }
}

# Runs the task now and waits for its outcome, five minutes at most.
function Start-DeadManLeaf($token) {
    $done = Get-DeadManPath $token 'done'
    $null = (Get-TaskFolder).GetTask((Get-TaskName $token)).Run($null)
    for ($second = 0; $second -lt 300 -and -not [IO.File]::Exists($done); $second++) { [Threading.Thread]::Sleep(1000) }
    if (-not [IO.File]::Exists($done)) { throw "dead man $token has not ended after five minutes" }
    $outcome = ConvertFrom-Json ([IO.File]::ReadAllText($done))
    if (-not $outcome.ok) { throw "dead man ${token}: $($outcome.error.message)" }
    if ($outcome.data.failed) { throw "dead man $token could not restore all: $($outcome.data.actions | Where-Object { $null -ne $_.error } | ForEach-Object { $_.error.message })" }
}

# --- httpd ----------------------------------------------------------------------------------------------------------

# Both outputs are read while the program runs, so that it never waits for a full pipe.
function Start-Program([string]$program, [string]$arguments) {
    if (-not [IO.File]::Exists($program)) { throw "there is no program $program" }
    $information = New-Object Diagnostics.ProcessStartInfo $program, $arguments
    $information.UseShellExecute = $false
    $information.CreateNoWindow = $true
    $information.RedirectStandardOutput = $true
    $information.RedirectStandardError = $true
    $process = [Diagnostics.Process]::Start($information)
    return @{ process = $process; output = $process.StandardOutput.ReadToEndAsync(); errors = $process.StandardError.ReadToEndAsync() }
}

# Ends the program if it still runs, and gives what it said. It may end by itself before it is killed: the wait below tells.
function Stop-Program($started) {
    $process = $started.process
    if (-not $process.HasExited) { try { $process.Kill() } catch { $null = $_ } }
    if (-not $process.WaitForExit(15000)) { throw "process $($process.Id) does not end" }
    $text = ''
    if ([Threading.Tasks.Task]::WaitAll([Threading.Tasks.Task[]]@($started.output, $started.errors), 5000)) {
        $text = "$($started.output.Result)`n$($started.errors.Result)".Trim()
    }
    $process.Dispose()
    return $text
}

function Get-QuotedPath([string]$path) {
    if ($path.IndexOf([char]34) -ge 0) { throw 'a path has a quote' }
    return '"' + $path.TrimEnd([char]92) + '"'
}

function Invoke-HttpdTestLeaf($program, $configuration) {
    $started = Start-Program $program "-t -f $(Get-QuotedPath $configuration)"
    $code = 1
    if ($started.process.WaitForExit(60000)) { $code = $started.process.ExitCode }
    return [ordered]@{ code = $code; text = (Stop-Program $started) }
}

function Test-Port([int]$port) {
    $client = New-Object Net.Sockets.TcpClient
    try { $client.Connect('127.0.0.1', $port); return $true } catch [Net.Sockets.SocketException] { return $false } finally { $client.Close() }
}

# -X keeps httpd in one process, which can be ended whole. The port must be free before, or somebody else's answer would count.
# httpd opens its port before it looks at keys and certificates: one that ends over them answers for a moment, too.
function Invoke-HttpdRehearsalLeaf($program, $configuration, $port, $seconds) {
    if (Test-Port $port) { return [ordered]@{ code = 1; text = "port $port is in use" } }
    $started = Start-Program $program "-X -f $(Get-QuotedPath $configuration)"
    $code = 1
    $end = [DateTime]::UtcNow.AddSeconds($seconds)
    try {
        while ($code -ne 0 -and -not $started.process.HasExited -and [DateTime]::UtcNow -lt $end) {
            if (-not (Test-Port $port)) { [Threading.Thread]::Sleep(200); continue }
            if (-not $started.process.WaitForExit(2000) -and (Test-Port $port)) { $code = 0 }
        }
    } finally { $text = Stop-Program $started }
    return [ordered]@{ code = $code; text = $text }
}
