#!/bin/bash
# Start or stop a SLURM cluster of this one machine, to try `flowshot run --engine slurm` without a cluster.
#
#     sudo apt-get install slurm-wlm munge
#     sudo scripts/slurm_node.sh start FOLDER     # then: export SLURM_CONF=FOLDER/slurm.conf
#     sudo scripts/slurm_node.sh stop FOLDER
#
# FOLDER holds configuration, state and logs. Nothing is listened to but on this machine.
set -euo pipefail
action=${1:?start or stop} folder=$(realpath -m "${2:?a folder for its state}")
export SLURM_CONF=$folder/slurm.conf

if [ "$action" = stop ]; then
  for daemon in slurmd slurmctld munged; do
    [ -f "$folder/$daemon.pid" ] && kill "$(cat "$folder/$daemon.pid")" 2>/dev/null || true
  done
  exit 0
fi

name=$(hostname -s)
mkdir -p "$folder"/{state,spool,munge}
# munge refuses a key, a socket or a log that others could write.
chown -R munge:munge "$folder/munge" && chmod 0755 "$folder" "$folder/munge"
[ -f "$folder/munge/key" ] || install -o munge -g munge -m 0400 <(head -c 1024 /dev/urandom) "$folder/munge/key"
cat >"$SLURM_CONF" <<CONF
ClusterName=flowshot
SlurmctldHost=$name(127.0.0.1)
SlurmctldPort=${SLURMCTLD_PORT:-16817}
SlurmdPort=${SLURMD_PORT:-16818}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
CryptoType=crypto/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
NodeName=$name NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$(($(awk '/MemTotal/{print $2}' /proc/meminfo) / 1024 * 9 / 10))
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
runuser -u munge -- munged --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" \
  --pid-file="$folder/munge/pid" --log-file="$folder/munge/log" --seed-file="$folder/munge/seed"
cp "$folder/munge/pid" "$folder/munged.pid"
slurmctld -f "$SLURM_CONF"
slurmd -f "$SLURM_CONF"
for _ in $(seq 60); do
  sinfo --noheader --format=%T 2>/dev/null | grep -q idle && exit 0
  sleep 0.5
done
echo "SLURM did not become idle within 30 s; see $folder/*.log" >&2
exit 1
