# showtell serve in a container; docs/deploy.md has the rest.
#
#   docker build -t showtell .
#   docker run --init --read-only --cap-drop ALL -p 3000:3000 showtell
#
# The service writes to no file, not even a temporary one, so that its file system may be read-only.

FROM node:26-trixie-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build

FROM node:26-trixie-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# onnxruntime-node brings its library for every system; here it is Linux.
RUN npm ci --omit=dev --ignore-scripts \
  && rm -rf node_modules/onnxruntime-node/bin/napi-v*/darwin node_modules/onnxruntime-node/bin/napi-v*/win32

FROM node:26-trixie-slim
ENV NODE_ENV=production SHOWTELL_HOST=0.0.0.0
WORKDIR /app
COPY package.json LICENSE NOTICE ./
COPY bin bin
COPY models models
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
# The user node, by number: Kubernetes cannot tell from a name that it is not root.
USER 1000:1000
EXPOSE 3000
# Set the port by SHOWTELL_PORT, neither by a flag nor in a file of settings, and this finds it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.SHOWTELL_PORT || process.env.PORT || 3000}/readyz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "bin/showtell.js"]
CMD ["serve"]
