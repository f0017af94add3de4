// Drives a Salesforce at the address given with jsforce and prints, as JSON, what jsforce understood.
// It judges nothing: the claims are in test_salesforce_jsforce.py.
const { Connection } = require("jsforce");

const url = process.argv[2];
const version = "59.0";
const many = 450; // more than two collections of 200

const connected = (more) => new Connection({ instanceUrl: url, accessToken: "localcrm", version, ...more });
const conn = connected({});
const quiet = { headers: { "Sforce-Auto-Assign": "FALSE" } };

async function refusal(call) {
  try {
    return { answered: await call() };
  } catch (error) {
    return { name: error.name, code: error.errorCode, message: error.message, data: error.data ?? null };
  }
}

async function control(door, body, method = "POST") {
  const answer = await fetch(`${url}/_localcrm/${door}`, {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return answer.json();
}

async function token() {
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: "localcrm",
    client_secret: "localcrm",
  });
  const answer = await fetch(`${url}/services/oauth2/token`, { method: "POST", body: form });
  return (await answer.json()).access_token;
}

async function describing() {
  const lead = await conn.describe("Lead");
  const everything = await conn.describeGlobal();
  const status = lead.fields.find((field) => field.name === "Status");
  return {
    objects: everything.sobjects.map((one) => one.name),
    fields: lead.fields.map((field) => field.name),
    statuses: status.picklistValues.map((one) => one.value),
    children: lead.childRelationships.map((one) => one.relationshipName),
  };
}

async function querying() {
  const soql = "SELECT Id, Name, Owner.Name FROM Lead ORDER BY SystemModstamp, Id";
  const first = await conn.query(soql);
  const all = await conn.query(soql, { autoFetch: true, maxFetch: 10000 });
  const counted = await conn.query("SELECT COUNT() FROM Lead");
  return {
    firstPage: first.records.length,
    done: first.done,
    total: first.totalSize,
    all: new Set(all.records.map((one) => one.Id)).size,
    owner: all.records[0].Owner.Name,
    counted: counted.totalSize,
  };
}

async function single() {
  const lead = conn.sobject("Lead");
  const made = await lead.create({ LastName: "Single", Company: "One" }, quiet);
  const changed = await lead.update({ Id: made.id, City: "Bonn" }, quiet);
  const seen = await lead.retrieve(made.id);
  const twice = await lead.upsert({ Email: "by-email@example.com", LastName: "U", Company: "U" }, "Email");
  const again = await lead.upsert({ Email: "by-email@example.com", City: "Ulm" }, "Email");
  const gone = await lead.destroy(made.id);
  const after = await refusal(() => lead.retrieve(made.id));
  return { made, changed, city: seen.City, twice, again, gone, after };
}

async function collections() {
  const lead = conn.sobject("Lead");
  const rows = Array.from({ length: many }, (_, n) => ({ LastName: `Many${n}`, Company: "Co" }));
  rows[7] = { Company: "nameless" };
  rows[300].NumberOfEmployees = "many";
  const options = { ...quiet, allowRecursive: true };
  const made = await lead.create(rows, options);
  const changes = made.filter((one) => one.success).map((one) => ({ Id: one.id, City: "Kiel" }));
  changes[3] = { Id: changes[3].Id, Status: "No such status" };
  const changed = await lead.update(changes, options);
  const keyed = Array.from({ length: many }, (_, n) => ({
    Email: `many${n}@example.com`, LastName: `Key${n}`, Company: "Co",
  }));
  const upserted = await lead.upsert(keyed, "Email", options);
  const failures = (results) => results.flatMap((one, place) => (one.success ? [] : [[place, one.errors]]));
  return {
    made: made.length, notMade: failures(made),
    changed: changed.length, notChanged: failures(changed),
    upserted: upserted.length, notUpserted: failures(upserted),
  };
}

async function bulk() {
  const wait = { pollInterval: 20, pollTimeout: 20000 };
  const found = await new Promise((resolve, reject) => {
    const records = [];
    conn.bulk2
      .query("SELECT Id, LastName, NumberOfEmployees, IsConverted, CreatedDate, Owner.Name FROM Lead ORDER BY Id", wait)
      .then((stream) => {
        stream.on("record", (one) => records.push(one));
        stream.on("end", () => resolve(records));
        stream.on("error", reject);
      }, reject);
  });
  const input = [
    { LastName: "Bulk1", Company: "Co", City: "Graz" },
    { LastName: "", Company: "nameless", City: "" },
    { LastName: "Bulk2", Company: "Co", City: "" },
  ];
  const loaded = await conn.bulk2.loadAndWaitForResults({ object: "Lead", operation: "insert", input, ...wait });
  const ids = loaded.successfulResults.map((one) => one.sf__Id);
  const changed = await conn.bulk2.loadAndWaitForResults({
    object: "Lead", operation: "update",
    input: [{ Id: ids[0], City: "#N/A", Company: "" }, { Id: ids[1], City: "Linz", Company: "New" }],
    ...wait,
  });
  const cleared = await conn.sobject("Lead").retrieve(ids);
  const refused = await refusal(() => conn.bulk2.query("SELECT Nope FROM Lead", wait));
  await control("bulk_faults", { job: "query", message: "InternalServerError : broken" });
  const failed = await refusal(() => conn.bulk2.query("SELECT Id FROM Lead", wait));
  return {
    found: found.length, sample: found[0], loaded, changed,
    cleared: cleared.map((one) => [one.City, one.Company]), refused, failed,
  };
}

async function removals() {
  const lead = conn.sobject("Lead");
  const [loser, survivor] = await lead.create(
    [{ LastName: "Loser", Company: "Co" }, { LastName: "Survivor", Company: "Co" }], quiet);
  await control("records/Lead", { Id: loser.id, merge_into: survivor.id });
  const soql = `SELECT Id, IsDeleted, MasterRecordId, SystemModstamp FROM Lead WHERE Id = '${loser.id}'`;
  const normal = await conn.query(soql);
  const all = await conn.query(soql, { scanAll: true });
  const now = new Date(all.records[0].SystemModstamp);
  const start = new Date(now.getTime() - 3600e3), end = new Date(now.getTime() + 3600e3);
  const updated = await lead.updated(start.toISOString(), end.toISOString());
  const deleted = await lead.deleted(start.toISOString(), end.toISOString());
  return {
    normal: normal.totalSize, all: all.records[0], survivor: survivor.id, loser: loser.id,
    updated: updated.ids, covered: updated.latestDateCovered,
    deleted: deleted.deletedRecords.map((one) => one.id),
  };
}

async function composite() {
  const base = `/services/data/v${version}`;
  const body = {
    compositeRequest: [
      { method: "POST", url: `${base}/sobjects/Lead`, referenceId: "lead", body: { LastName: "C", Company: "C" } },
      { method: "POST", url: `${base}/sobjects/Task`, referenceId: "task", body: { WhoId: "@{lead.id}", Subject: "S" } },
      { method: "GET", url: `${base}/query?q=SELECT+Nope+FROM+Lead`, referenceId: "bad" },
    ],
  };
  const answer = await conn.requestPost(`${base}/composite`, body);
  return answer.compositeResponse.map((one) => [one.referenceId, one.httpStatusCode]);
}

async function sessions() {
  const old = await token();
  let renewed = 0;
  const refreshFn = (_conn, callback) => {
    renewed += 1;
    token().then((fresh) => callback(null, fresh), callback);
  };
  const lasting = connected({ accessToken: old, refreshFn });
  const fixed = connected({ accessToken: old });
  await lasting.query("SELECT Id FROM Lead LIMIT 1");
  await control("sessions", undefined, "DELETE");
  const refused = await refusal(() => fixed.query("SELECT Id FROM Lead LIMIT 1"));
  const answered = await lasting.query("SELECT Id FROM Lead LIMIT 1");
  await control("sessions", undefined, "DELETE");
  const wait = { pollInterval: 20, pollTimeout: 20000 };
  const bulk = await lasting.bulk2.loadAndWaitForResults({
    object: "Lead", operation: "insert", input: [{ LastName: "Late", Company: "Co" }], ...wait,
  });
  return { refused, answered: answered.records.length, renewed, bulk: bulk.successfulResults.length };
}

async function refusals() {
  const malformed = await refusal(() => conn.query("SELECT FROM Lead"));
  const unknown = await refusal(() => conn.query("SELECT Nope FROM Lead"));
  const type = await refusal(() => conn.query("SELECT Id FROM Nope"));
  const missing = await refusal(() => conn.sobject("Lead").create({ Company: "Co" }));
  const address = await refusal(() => conn.query(`SELECT Id FROM Lead WHERE LastName = '${"x".repeat(17000)}'`));
  await control("records/DuplicateRule", { object: "Lead" });
  await conn.sobject("Lead").create({ LastName: "D", Company: "C", Email: "double@example.com" });
  const double = { LastName: "D", Company: "C", Email: "double@example.com" };
  const duplicate = await refusal(() => conn.sobject("Lead").create(double));
  const allowed = await conn.sobject("Lead").create(double, {
    headers: { "Sforce-Duplicate-Rule-Header": "allowSave=true" },
  });
  await control("records/DuplicateRule", { delete: true });
  return { malformed, unknown, type, missing, address, duplicate, allowed };
}

async function main() {
  const found = {};
  for (const part of [describing, querying, single, collections, bulk, removals, composite, sessions, refusals]) {
    found[part.name] = await part();
  }
  found.usage = conn.limitInfo;
  process.stdout.write(JSON.stringify(found));
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
