# The same on an image with a real s6-overlay, which has sh and the programs of busybox: see CONTRIBUTING.md.
ARG BASE
FROM ${BASE}
COPY hermes /usr/local/bin/
COPY rootfs/etc/s6-overlay/s6-rc.d/ /etc/s6-overlay/s6-rc.d/
RUN echo hermes:x:10000:10000:hermes:/opt/data:/bin/sh >>/etc/passwd && echo hermes:x:10000: >>/etc/group && \
    mkdir -p /opt/data && chown hermes:hermes /opt/data
RUN user=/etc/s6-overlay/s6-rc.d/user; [ -d "$user" ] || user=/etc/s6-overlay/user-bundles.d/user; \
    touch "$user/contents.d/dashboard"
ENV HERMES_HOME=/opt/data
