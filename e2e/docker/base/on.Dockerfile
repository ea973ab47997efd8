# The same on an image with a real s6-overlay, which has sh and the programs of busybox: see CONTRIBUTING.md.
ARG BASE
FROM ${BASE}
COPY hermes /usr/local/bin/
RUN echo hermes:x:10000:10000:hermes:/opt/data:/bin/sh >>/etc/passwd && echo hermes:x:10000: >>/etc/group && \
    mkdir -p /opt/data && chown hermes:hermes /opt/data
ENV HERMES_HOME=/opt/data
