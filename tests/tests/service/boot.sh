#!/usr/bin/env bash
# A machine inside of the machine: systemd as the first process of its own namespaces, on a copy of the file system that is
# gone with it. It lasts until stdin ends, however that comes about. usage: boot.sh NAME REPOSITORY PROGRAMS
set -euo pipefail
name=$1 repository=$2 programs=$3

if [[ -z ${STAGE:-} ]]; then
    # In a mount namespace of its own already; a cgroup for everything in there.
    mount --make-rprivate /
    mount -t tmpfs -o size=1g tmpfs /mnt
    mkdir /mnt/cgroup /mnt/upper /mnt/work /mnt/root
    mount -t cgroup2 cgroup2 /mnt/cgroup
    mkdir "/mnt/cgroup/$name" "/mnt/cgroup/$name/machine"
    # shellcheck disable=SC2317 # called by the trap
    unbind() {
        echo $$ >/mnt/cgroup/cgroup.procs
        [[ ! -e /mnt/cgroup/$name/cgroup.kill ]] || echo 1 >"/mnt/cgroup/$name/cgroup.kill"
        for ((look = 0; look < 100; look++)); do
            find "/mnt/cgroup/$name" -depth -type d -exec rmdir {} + 2>/dev/null || true
            [[ -e /mnt/cgroup/$name ]] || break
            sleep 0.05
        done
    }
    trap unbind EXIT
    mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root

    # The namespaces end with their first process, that one with `unshare`, and that one with this script.
    export STAGE=second
    (
        echo $BASHPID >"/mnt/cgroup/$name/machine/cgroup.procs"
        exec setpriv --pdeathsig KILL -- unshare --cgroup --pid --net --ipc --uts --mount --fork --kill-child "$0" "$@" </dev/null
    ) &
    machine=$!
    for ((look = 0; look < 1000; look++)); do
        first=$(<"/proc/$machine/task/$machine/children") || exit 1
        [[ -z $first ]] || break
        sleep 0.01
    done
    echo "first process: $first"
    cat >/dev/null
    kill -KILL "$machine"
    wait "$machine" 2>/dev/null || true
    exit
fi

cd /mnt/root
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t tmpfs -o mode=0755 tmpfs dev
for device in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
    read -r file major minor <<<"$device"
    mknod -m 0666 "dev/$file" c "$major" "$minor"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for folder in run tmp; do mount -t tmpfs -o mode=0755 tmpfs $folder; done
chmod 1777 tmp
mkdir -p srv/repository srv/programs
cp -r "$repository"/{scripts,docs,agents.toml,.env.example,LICENSE} srv/repository
chmod -R a+rX srv/repository
mount --bind "$programs" srv/programs
pivot_root . mnt
cd /
umount -l /mnt

# Nothing of the outer machine's own: its disks, its services, its name, its journal.
: >/etc/fstab
echo "$name" >/etc/hostname
tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
rm -rf /etc/systemd/system/* /usr/lib/systemd/system/*.target.wants /usr/lib/systemd/system-generators /var/log/journal
mkdir -p /etc/systemd/system/sysinit.target.wants /run/systemd/journald.conf.d
ln -s /usr/lib/systemd/system/systemd-journald.service /etc/systemd/system/sysinit.target.wants/
printf '[Journal]\nStorage=volatile\nReadKMsg=no\nRateLimitBurst=0\n' >/run/systemd/journald.conf.d/here.conf
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin container=unshare \
    /usr/lib/systemd/systemd --unit=basic.target --show-status=no --log-target=journal
