// Where the gateway is; cmd/gateway/conformance_test.go says so.

function need(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run go test ./cmd/gateway -run Conformance`);
  return value;
}

export const url = need('CONFORMANCE_URL'); // https://host:port
export const key = need('CONFORMANCE_KEY');
export const model = 'gpt-realtime-2.1';
