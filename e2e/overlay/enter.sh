#!/bin/sh
# Becomes an s6-svscan in a root that is laid out as s6-overlay's, with an account hermes. To be run in a mount namespace of
# its own:
#   enter.sh BASE SHELL, where BASE holds scan/, which becomes /run/service, and container/, the container's variables;
#                        SHELL, dash or busybox, becomes /bin/sh
set -eu
base=$1 shell=$2 here=$(cd "$(dirname "$0")" && pwd) root=$1/root
mount --make-rprivate /
mkdir "$root"
mount -t tmpfs -o mode=0755 root "$root"
for entry in /*; do
  case $entry in
  /command | /run) ;;
  /etc) cp -a /etc "$root/etc" ;;
  *)
    if [ -L "$entry" ]; then
      cp -P "$entry" "$root/"
    elif [ -d "$entry" ]; then
      mkdir "$root$entry"
      mount --rbind "$entry" "$root$entry"
    fi
    ;;
  esac
done
echo 'hermes:x:12340:12340::/nonexistent:/bin/false' >>"$root/etc/passwd"
echo 'hermes:x:12340:' >>"$root/etc/group"
echo 'devices:x:12341:hermes' >>"$root/etc/group"
mkdir -p "$root/run/s6" "$root/run/service" "$root/command"
cp -R "$base/container" "$root/run/s6/container_environment"
mount --bind "$base/scan" "$root/run/service"
for program in "$(command -v execlineb)" /usr/lib/execline/bin/* "$(dirname "$(command -v s6-svscan)")"/s6-*; do
  [ ! -x "$program" ] || ln -sf "$program" "$root/command/"
done
cp "$here/with-contenv" "$root/command/"
chmod 0755 "$root/command/with-contenv"
mount --bind "$(command -v "$shell")" "$(readlink -f "$root/bin/sh")"
exec chroot "$root" /usr/bin/env -i PATH=/command:/usr/bin:/bin /command/s6-svscan -- /run/service
