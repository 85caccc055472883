# One file for all images, one target a component. They hold what `npm run build` wrote:
#
#   npm run build
#   docker build --target sidecar --tag weft/sidecar:0.1.0 .
#
# BASE has Node 24 and nothing to work with for an intruder: no shell, no package manager.
ARG BASE=gcr.io/distroless/nodejs24-debian13:nonroot
# INIT_BASE has Node 24, a shell for the one line below, and iptables or apt-get to bring it.
ARG INIT_BASE=docker.io/library/node:24-trixie-slim

FROM ${BASE} AS node
# Where the bases have Node.
ENV PATH=/nodejs/bin:/usr/local/bin NODE_ENV=production
WORKDIR /weft

FROM node AS sidecar
LABEL org.opencontainers.image.title="weft sidecar"
COPY dist/node_modules node_modules
COPY dist/sidecar.mjs* ./
# The user whose connections redirection lets pass.
USER 1337:1337
ENTRYPOINT ["node", "--max-semi-space-size=4", "sidecar.mjs"]

FROM node AS control-plane
LABEL org.opencontainers.image.title="weft control plane"
COPY dist/control-plane.mjs* ./
USER 65532:65532
ENTRYPOINT ["node", "control-plane.mjs"]

FROM node AS injector
LABEL org.opencontainers.image.title="weft injector"
COPY dist/injector.mjs* ./
USER 65532:65532
# A page of the cluster's pods at its largest leaves 160 MB in use at most, where it were 260 MB otherwise, of 256 MiB.
ENTRYPOINT ["node", "--max-semi-space-size=4", "injector.mjs"]

FROM ${INIT_BASE} AS init
LABEL org.opencontainers.image.title="weft init"
ENV PATH=/nodejs/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# The package has both backends; which one a node uses shows only when the container runs there.
RUN { command -v iptables-nft-restore && command -v iptables-legacy-restore; } >/dev/null \
 || { apt-get update && apt-get install --yes --no-install-recommends iptables && rm -rf /var/lib/apt/lists/*; }
WORKDIR /weft
COPY dist/redirection.mjs ./
# iptables needs it, with NET_ADMIN and NET_RAW; it ends before anything else in the pod starts.
USER 0:0
ENTRYPOINT ["node", "redirection.mjs"]
