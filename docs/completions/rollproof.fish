# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_rollproof_global_optspecs
    string join \n h/help V/version
end

function __fish_rollproof_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_rollproof_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_rollproof_using_subcommand
    set -l cmd (__fish_rollproof_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c rollproof -n "__fish_rollproof_needs_command" -s h -l help -d 'Print help'
complete -c rollproof -n "__fish_rollproof_needs_command" -s V -l version -d 'Print version'
complete -c rollproof -n "__fish_rollproof_needs_command" -f -a "demo" -d 'Show a lossy and a clean rollout on this machine, in 40 seconds'
complete -c rollproof -n "__fish_rollproof_needs_command" -f -a "run" -d 'Roll each variant of a scenario under load, or manifests as they are (-f), and judge them'
complete -c rollproof -n "__fish_rollproof_needs_command" -f -a "attach" -d 'Roll a workload where it stands in a cluster, under load, and judge it; asks first'
complete -c rollproof -n "__fish_rollproof_needs_command" -f -a "report" -d 'Analyse and render a record again'
complete -c rollproof -n "__fish_rollproof_needs_command" -f -a "cluster" -d 'Create or delete a kind cluster; show or remove what runs left on a cluster'
complete -c rollproof -n "__fish_rollproof_needs_command" -f -a "schema" -d 'Print the JSON Schema of report.json, of diff.json or of a scenario file'
complete -c rollproof -n "__fish_rollproof_needs_command" -f -a "completions" -d 'Print the script that completes commands and options in a shell'
complete -c rollproof -n "__fish_rollproof_needs_command" -f -a "man" -d 'Print the program\'s manual page, or write the pages of all commands to a folder'
complete -c rollproof -n "__fish_rollproof_needs_command" -f -a "target" -d 'The built-in HTTP server, whose start and stop behaviour is chosen by flags (image: rollproof/target)'
complete -c rollproof -n "__fish_rollproof_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rollproof -n "__fish_rollproof_using_subcommand demo" -l out -d 'Directory for the record and the reports; must not hold a record yet [default: reports/NAME-TIME]' -r -F
complete -c rollproof -n "__fish_rollproof_using_subcommand demo" -l seed -d 'Seed of everything random: the order of trials, the endpoint of each connection, the table\'s jitter [default: 1, or with --from the record\'s]' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand demo" -l cluster -d 'Where to run: embedded (processes of this machine), kind, kind:NAME, or context:NAME [default: embedded; required with --from if the recorded run used a real cluster]' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand demo" -l load-from -d 'Where the load comes from on a real cluster' -r -f -a "pod\t'From a pod, to the Service\'s `ClusterIP`'
host\t'From this machine, to a `NodePort`'"
complete -c rollproof -n "__fish_rollproof_using_subcommand demo" -l agent-image -d 'Image of the agent, required where none can be built from this program' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand demo" -l kind-config -d 'kind configuration for a cluster that must be created' -r -F
complete -c rollproof -n "__fish_rollproof_using_subcommand demo" -l kind-image -d 'Node image for a kind cluster that must be created' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand demo" -l host-network -d 'Use this machine\'s network instead of a private one (needs --allow-host-commands for manifests and recipes of images that are not rollproof\'s own)'
complete -c rollproof -n "__fish_rollproof_using_subcommand demo" -l keep -d 'Keep the run\'s namespaces on a real cluster after the run'
complete -c rollproof -n "__fish_rollproof_using_subcommand demo" -l yes -d 'Do not ask before a workload that is there already is rolled'
complete -c rollproof -n "__fish_rollproof_using_subcommand demo" -l allow-host-commands -d 'Run the commands of these manifests and recipes on this machine where no private network is available. With --from: also run the record\'s rollout command and the recipes of images in its folders'
complete -c rollproof -n "__fish_rollproof_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -s f -l filename -d 'Manifests to roll as they are, without a scenario: GET / at 100 requests a second on new and reused connections, a restart, one trial, expected to lose nothing. A file, a folder of files, or - for standard input; may be repeated. With --from: the Secrets and manifests with credentials, which a record holds as hashes only' -r -F
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l from -d 'Rerun the run recorded in DIR: same manifests, load, variants, trials and seed' -r -F
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l header -d 'With --from: a request header of which the record holds only a hash, or @FILE with one on each line; may be repeated' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l credential -d 'With --from: the value of a query parameter, an environment variable or an argument of which the record holds only a hash, or @FILE with one on each line; may be repeated' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l variant -d 'Run only this variant; may be repeated' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l workload -d 'The workload to roll, such as deployment/web, where the manifests hold several' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l service -d 'The Service that carries the load, where several select the workload\'s pods' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l port -d 'The Service\'s port, by number or name, where it has several' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l rate -d 'Requests a second, all arms together, instead of the scenario\'s, the record\'s or 100' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l trials -d 'Trials of each variant, instead of the scenario\'s, the record\'s or 1' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l time-budget -d 'Time for all trials, such as 20m: blocks that do not fit by the plan\'s longest estimate are left out, and no further block starts once it is used up. Starting a cluster takes extra time' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l out -d 'Directory for the record and the reports; must not hold a record yet [default: reports/NAME-TIME]' -r -F
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l seed -d 'Seed of everything random: the order of trials, the endpoint of each connection, the table\'s jitter [default: 1, or with --from the record\'s]' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l cluster -d 'Where to run: embedded (processes of this machine), kind, kind:NAME, or context:NAME [default: embedded; required with --from if the recorded run used a real cluster]' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l load-from -d 'Where the load comes from on a real cluster' -r -f -a "pod\t'From a pod, to the Service\'s `ClusterIP`'
host\t'From this machine, to a `NodePort`'"
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l agent-image -d 'Image of the agent, required where none can be built from this program' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l kind-config -d 'kind configuration for a cluster that must be created' -r -F
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l kind-image -d 'Node image for a kind cluster that must be created' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l until-loss -d 'End after the first trial that loses a request of a judged arm, at the latest after --trials of each variant [default: 20 of each]'
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l control -d 'Also roll rollproof\'s own server, which exits at once, in each block at the same rate; no variant passes as clean unless this server loses something'
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l try-advice -d 'Roll each variant that lost requests and should not have (else the first that should) again, beside a copy with the advice applied, and report whether the advice helps and what it costs; these reports are in DIR/advised, and their verdicts count'
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l record-all -d 'Record every request, not only those that were not answered as expected'
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l host-network -d 'Use this machine\'s network instead of a private one (needs --allow-host-commands for manifests and recipes of images that are not rollproof\'s own)'
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l keep -d 'Keep the run\'s namespaces on a real cluster after the run'
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l yes -d 'Do not ask before a workload that is there already is rolled'
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -l allow-host-commands -d 'Run the commands of these manifests and recipes on this machine where no private network is available. With --from: also run the record\'s rollout command and the recipes of images in its folders'
complete -c rollproof -n "__fish_rollproof_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -s n -l namespace -d 'Its namespace [default: that of the context, else default]' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l service -d 'The Service that carries the load, where several select the workload\'s pods' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l port -d 'The Service\'s port, by number or name, where it has several' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l path -d 'The path that is asked for, by GET' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l status -d 'The status that is expected; may be repeated [default: any 2xx or 3xx]' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l url -d 'Send the requests to this URL in place of the Service: scheme, host and port; the path is that of --path' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l resolve -d 'The address that the URL\'s name is taken to have, or another name that has it, as with curl' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l tls-ca -d 'Use TLS, and trust the CAs in this PEM file in place of the platform\'s' -r -F
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l tls-server-name -d 'Use TLS, with this name or address that the server\'s certificate must be for [default: that of the URL or of the Service]' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l rate -d 'Requests a second, all arms together [default: 100]' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l trials -d 'Trials, each of which rolls the workload once [default: 1]' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l image -d 'Roll to this image, and back after the trial, instead of a restart; CONTAINER= may be left out where there is one' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l command -d 'Roll by this command, which sh runs, instead of a restart' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l back -d 'What undoes the command, unmeasured' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l side-probe -d 'How often the side probe connects to each old pod during a rollout, such as 200ms, or off; the times of the pods\' ends are known as exactly' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l out -d 'Directory for the record and the reports; must not hold a record yet [default: reports/NAME-TIME]' -r -F
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l seed -d 'Seed of everything random: the order of trials, the endpoint of each connection, the table\'s jitter [default: 1, or with --from the record\'s]' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l cluster -d 'Where to run: embedded (processes of this machine), kind, kind:NAME, or context:NAME [default: embedded; required with --from if the recorded run used a real cluster]' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l load-from -d 'Where the load comes from on a real cluster' -r -f -a "pod\t'From a pod, to the Service\'s `ClusterIP`'
host\t'From this machine, to a `NodePort`'"
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l agent-image -d 'Image of the agent, required where none can be built from this program' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l kind-config -d 'kind configuration for a cluster that must be created' -r -F
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l kind-image -d 'Node image for a kind cluster that must be created' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l tls-insecure -d 'Use TLS, and take any certificate'
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l until-loss -d 'End after the first trial that loses a request of a judged arm, at the latest after --trials [default: 20]'
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l try-advice -d 'Roll the workload again, as it stands and with the advice applied in turns, and report whether it helps; then undo it'
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l record-all -d 'Record every request, not only those that were not answered as expected'
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l host-network -d 'Use this machine\'s network instead of a private one (needs --allow-host-commands for manifests and recipes of images that are not rollproof\'s own)'
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l keep -d 'Keep the run\'s namespaces on a real cluster after the run'
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l yes -d 'Do not ask before a workload that is there already is rolled'
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -l allow-host-commands -d 'Run the commands of these manifests and recipes on this machine where no private network is available. With --from: also run the record\'s rollout command and the recipes of images in its folders'
complete -c rollproof -n "__fish_rollproof_using_subcommand attach" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollproof -n "__fish_rollproof_using_subcommand report" -l incident -d 'Show this incident instead: its attempts, its pod\'s life and last log lines, and the command that reruns it' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand report" -l against -d 'Compare with an earlier run of the same scenario, and write diff.json and diff.md beside DIR\'s reports; the exit code stays that of DIR\'s own verdict' -r -F
complete -c rollproof -n "__fish_rollproof_using_subcommand report" -s h -l help -d 'Print help'
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and not __fish_seen_subcommand_from up down status clean help" -s h -l help -d 'Print help'
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and not __fish_seen_subcommand_from up down status clean help" -f -a "up" -d 'Create a kind cluster, unless it exists'
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and not __fish_seen_subcommand_from up down status clean help" -f -a "down" -d 'Delete a kind cluster that rollproof created'
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and not __fish_seen_subcommand_from up down status clean help" -f -a "status" -d 'Show what runs have on a cluster, or left there'
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and not __fish_seen_subcommand_from up down status clean help" -f -a "clean" -d 'Remove what runs left on a cluster'
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and not __fish_seen_subcommand_from up down status clean help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and __fish_seen_subcommand_from up" -l name -d 'Its name' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and __fish_seen_subcommand_from up" -l kind-config -d 'kind configuration' -r -F
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and __fish_seen_subcommand_from up" -l kind-image -d 'Node image' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and __fish_seen_subcommand_from up" -s h -l help -d 'Print help'
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and __fish_seen_subcommand_from down" -l name -d 'Its name' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and __fish_seen_subcommand_from down" -l force -d 'Also delete a cluster that rollproof did not create'
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and __fish_seen_subcommand_from down" -s h -l help -d 'Print help'
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and __fish_seen_subcommand_from status" -l name -d 'A kind cluster\'s name [default: rollproof]' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and __fish_seen_subcommand_from status" -l context -d 'Any cluster\'s context' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and __fish_seen_subcommand_from clean" -l name -d 'A kind cluster\'s name [default: rollproof]' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and __fish_seen_subcommand_from clean" -l context -d 'Any cluster\'s context' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and __fish_seen_subcommand_from clean" -l all -d 'Also what belongs to runs that are alive'
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and __fish_seen_subcommand_from clean" -s h -l help -d 'Print help'
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "up" -d 'Create a kind cluster, unless it exists'
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "down" -d 'Delete a kind cluster that rollproof created'
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "status" -d 'Show what runs have on a cluster, or left there'
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "clean" -d 'Remove what runs left on a cluster'
complete -c rollproof -n "__fish_rollproof_using_subcommand cluster; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rollproof -n "__fish_rollproof_using_subcommand schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollproof -n "__fish_rollproof_using_subcommand completions" -s h -l help -d 'Print help'
complete -c rollproof -n "__fish_rollproof_using_subcommand man" -s h -l help -d 'Print help'
complete -c rollproof -n "__fish_rollproof_using_subcommand target" -l listen -d 'Address to listen on [default: --pod-ip and --port]' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand target" -l pod-ip -d 'Address to listen on where --listen is not given [default: 0.0.0.0]' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand target" -l port -d 'Port to listen on where --listen is not given [default: 8080]' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand target" -l pod -d 'Value of the X-Pod header of every answer [default: $HOSTNAME]' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand target" -l start-delay -d 'Wait this long before listening' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand target" -l ready-delay -d 'Listen, but answer /ready with 503 for this long' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand target" -l slow-start -d 'For this long after listening began, delay each answer by what is left of it, at most 1s' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand target" -l status -d 'What /status answers where it is asked for no code, so that one version can fail where another did not' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand target" -l on-term -d 'What to do on SIGTERM' -r -f -a "exit\t'Exit at once with code 0; what is in flight is cut'
drain\t'Close the listener, answer what is in flight, close idle connections in order, then exit with code 0'
ignore\t'Go on as before; only SIGKILL ends it'
shed\t'Answer every request with 503 from then on; only SIGKILL ends it'"
complete -c rollproof -n "__fish_rollproof_using_subcommand target" -l drain-keeps-listening -d 'With `--on-term drain`: go on accepting connections (and being ready) for this long after SIGTERM' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand target" -l drain-timeout -d 'With `--on-term drain`: cut what is not answered this long after the listener closed' -r
complete -c rollproof -n "__fish_rollproof_using_subcommand target" -l truth-file -d 'Append what this server accepted, read, answered and cut to this file, as JSON lines' -r -F
complete -c rollproof -n "__fish_rollproof_using_subcommand target" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rollproof -n "__fish_rollproof_using_subcommand help; and not __fish_seen_subcommand_from demo run attach report cluster schema completions man target help" -f -a "demo" -d 'Show a lossy and a clean rollout on this machine, in 40 seconds'
complete -c rollproof -n "__fish_rollproof_using_subcommand help; and not __fish_seen_subcommand_from demo run attach report cluster schema completions man target help" -f -a "run" -d 'Roll each variant of a scenario under load, or manifests as they are (-f), and judge them'
complete -c rollproof -n "__fish_rollproof_using_subcommand help; and not __fish_seen_subcommand_from demo run attach report cluster schema completions man target help" -f -a "attach" -d 'Roll a workload where it stands in a cluster, under load, and judge it; asks first'
complete -c rollproof -n "__fish_rollproof_using_subcommand help; and not __fish_seen_subcommand_from demo run attach report cluster schema completions man target help" -f -a "report" -d 'Analyse and render a record again'
complete -c rollproof -n "__fish_rollproof_using_subcommand help; and not __fish_seen_subcommand_from demo run attach report cluster schema completions man target help" -f -a "cluster" -d 'Create or delete a kind cluster; show or remove what runs left on a cluster'
complete -c rollproof -n "__fish_rollproof_using_subcommand help; and not __fish_seen_subcommand_from demo run attach report cluster schema completions man target help" -f -a "schema" -d 'Print the JSON Schema of report.json, of diff.json or of a scenario file'
complete -c rollproof -n "__fish_rollproof_using_subcommand help; and not __fish_seen_subcommand_from demo run attach report cluster schema completions man target help" -f -a "completions" -d 'Print the script that completes commands and options in a shell'
complete -c rollproof -n "__fish_rollproof_using_subcommand help; and not __fish_seen_subcommand_from demo run attach report cluster schema completions man target help" -f -a "man" -d 'Print the program\'s manual page, or write the pages of all commands to a folder'
complete -c rollproof -n "__fish_rollproof_using_subcommand help; and not __fish_seen_subcommand_from demo run attach report cluster schema completions man target help" -f -a "target" -d 'The built-in HTTP server, whose start and stop behaviour is chosen by flags (image: rollproof/target)'
complete -c rollproof -n "__fish_rollproof_using_subcommand help; and not __fish_seen_subcommand_from demo run attach report cluster schema completions man target help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rollproof -n "__fish_rollproof_using_subcommand help; and __fish_seen_subcommand_from cluster" -f -a "up" -d 'Create a kind cluster, unless it exists'
complete -c rollproof -n "__fish_rollproof_using_subcommand help; and __fish_seen_subcommand_from cluster" -f -a "down" -d 'Delete a kind cluster that rollproof created'
complete -c rollproof -n "__fish_rollproof_using_subcommand help; and __fish_seen_subcommand_from cluster" -f -a "status" -d 'Show what runs have on a cluster, or left there'
complete -c rollproof -n "__fish_rollproof_using_subcommand help; and __fish_seen_subcommand_from cluster" -f -a "clean" -d 'Remove what runs left on a cluster'
