# The gateway as one static program, with nothing else in the image.

FROM node:24-bookworm-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY web/build.mjs web/tsconfig.json ./
COPY web/src src
RUN npm run build

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY gateway gateway
COPY session session
COPY webhooks webhooks
COPY web/*.go web/dist-missing.html web/
COPY --from=web /src/web/dist web/dist
ARG VERSION=
RUN CGO_ENABLED=0 go build -tags=nomsgpack -trimpath -ldflags="-s -w -X main.version=$VERSION" -o /out/switchboard ./cmd/gateway
# Uploads are checked in a temporary file.
RUN mkdir -m 1777 /out/tmp

FROM scratch
ARG VERSION=
LABEL org.opencontainers.image.title="Switchboard" \
      org.opencontainers.image.description="Realtime voice session gateway" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out /
COPY LICENSE /LICENSE
# Nobody: a number, so that Kubernetes sees that it is not root.
USER 65532:65532
ENV SWITCHBOARD_LISTEN=0.0.0.0:8080
EXPOSE 8080
ENTRYPOINT ["/switchboard"]
