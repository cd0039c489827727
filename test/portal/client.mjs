// Speaks to a node by the generated TypeScript client and tells what it heard
// (client_test.go, which compiled the client into job.client).
const job = JSON.parse(process.argv[2]);
const { Client } = await import(job.client + "/client.js");
const { calls, Refused } = await import(job.client + "/call.js");

let token = "";
const node = new Client(calls(job.address, () => token));
const heard = {};
try {
  await node.models();
} catch (e) {
  heard.refused = e instanceof Refused ? `${e.problem.status} ${e.problem.type} ${e.headers.get("WWW-Authenticate")}` : String(e);
}
heard.nodes = (await node.network()).value.nodes;
token = (await node.signIn(job.command)).value.token;
const first = await node.mine("coin", { limit: 1 });
heard.coins = [first.value.items[0].id];
heard.link = first.headers.get("Link");
heard.coins.push((await node.mine("coin", { limit: 1, before: first.value.next })).value.items[0].id);
heard.again = (await node.mine("coin", { limit: 1, ifNoneMatch: first.headers.get("ETag") })).status;
const bytes = new TextEncoder().encode("sealed bytes");
heard.put = (await node.putBlob(0, job.cid, bytes)).status;
heard.got = new TextDecoder().decode((await node.getBlob(0, job.cid)).value);
heard.given = (await node.faucet({ idempotencyKey: "a-key-of-mine" })).value.amount;
const events = (await node.events()).value.getReader();
heard.events = new TextDecoder().decode((await events.read()).value).slice(0, 3);
await events.cancel();
heard.ended = (await node.endSession("current")).status;
console.log(JSON.stringify(heard));
