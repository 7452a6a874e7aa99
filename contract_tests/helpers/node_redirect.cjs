// Loaded by `node --require` before a client: connections to Xero's hosts end at a port of this machine. Nothing of
// the client changes: it still asks for Xero's names, and checks a certificate for them (NODE_EXTRA_CA_CERTS).
const tls = require("tls");

const connect = tls.connect;
tls.connect = function (...given) {
  const options = given.find((one) => one !== null && typeof one === "object");
  const host = options && (options.servername || options.host);
  if (host && (host === "xero.com" || host.endsWith(".xero.com"))) {
    Object.assign(options, { host: "127.0.0.1", port: Number(process.env.XERO_HOSTS_PORT), servername: host });
  }
  return connect.apply(this, given);
};
