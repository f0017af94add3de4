// What HubSpot's own client makes of the practice HubSpot: one report as JSON on stdout.
// Usage: node drive.cjs ADDRESS. The portal holds twelve contacts, ids 97 to 108, l0@example.com and so on.
"use strict";

const hubspot = require("@hubspot/api-client");

const basePath = process.argv[2];
const client = new hubspot.Client({
  accessToken: "localcrm",
  basePath,
  numberOfApiCallRetries: 1,
  limiterOptions: { minTime: 0, maxConcurrent: 4 },
});
const contacts = client.crm.contacts;
const toContact = (id) => ({
  to: { id },
  types: [{ associationCategory: "HUBSPOT_DEFINED", associationTypeId: 204 }],
});

async function control(method, path, body) {
  const answer = await fetch(`${basePath}/_localcrm${path}`, { method, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
  return answer.json();
}

async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    return {
      code: error.code,
      category: error.body?.category ?? null,
      policyName: error.body?.policyName ?? null,
      message: error.body?.message ?? null,
      scopes: error.body?.errors?.[0]?.context?.requiredGranularScopes ?? null,
    };
  }
  return null;
}

async function searching() {
  const asked = {
    filterGroups: [
      {
        filters: [
          { propertyName: "hs_object_id", operator: "GT", value: "98" },
          { propertyName: "lifecyclestage", operator: "IN", values: ["marketingqualifiedlead"] },
        ],
      },
    ],
    sorts: ["hs_object_id"],
    properties: ["email"],
    limit: 6,
    after: "0",
  };
  const first = await contacts.searchApi.doSearch(asked);
  const second = await contacts.searchApi.doSearch({ ...asked, after: first.paging.next.after });
  const newest = await contacts.searchApi.doSearch({
    ...asked,
    filterGroups: [],
    sorts: ["-createdate"],
    limit: 1,
  });
  return {
    total: first.total,
    pages: [first, second].map((page) => page.results.map((row) => row.id)),
    ends: second.paging === undefined,
    createdAtIsDate: newest.results[0].createdAt instanceof Date,
    email: first.results[0].properties.email,
  };
}

async function properties() {
  const group = await client.crm.properties.groupsApi.create("contacts", {
    name: "leadsla",
    label: "leadsla",
    displayOrder: -1,
  });
  const told = (name, more) => ({
    name,
    label: name,
    type: "string",
    fieldType: "text",
    groupName: "leadsla",
    ...more,
  });
  const key = await client.crm.properties.coreApi.create("contacts", told("own_key", { hasUniqueValue: true }));
  const many = await client.crm.properties.batchApi.create("contacts", { inputs: [told("one"), told("two")] });
  const again = await refusal(client.crm.properties.coreApi.create("contacts", told("own_key")));
  const read = await client.crm.properties.coreApi.getByName("contacts", "own_key");
  return { group: group.name, unique: key.hasUniqueValue, many: many.results.length, again, read: read.groupName };
}

async function upserting() {
  const byEmail = await contacts.batchApi.upsert({
    inputs: [
      { id: "l1@example.com", idProperty: "email", properties: { city: "Bonn", own_key: "k1" } },
      { id: "new@example.com", idProperty: "email", properties: { own_key: "k2" } },
    ],
  });
  const byKey = await contacts.batchApi.upsert({
    inputs: [{ id: "k2", idProperty: "own_key", properties: { city: "Ulm" } }],
  });
  const taken = await refusal(
    contacts.batchApi.upsert({
      inputs: [
        { id: "k1", idProperty: "own_key", properties: { email: "l2@example.com" } },
        { id: "k3", idProperty: "own_key", properties: { city: "Jena" } },
      ],
    }),
  );
  const seen = (answer) => answer.results.map((row) => ({ id: row.id, isNew: row._new, city: row.properties.city ?? null }));
  return { byEmail: seen(byEmail), byKey: seen(byKey), taken };
}

async function updating() {
  const rows = [
    { id: "97", properties: { city: "Köln" } },
    { id: "98", properties: { hs_lead_status: "NO SUCH" } },
    { id: "99", properties: { city: "Trier" } },
  ];
  const whole = await refusal(contacts.batchApi.update({ inputs: rows }));
  const traced = rows.map((row, index) => ({ ...row, objectWriteTraceId: `trace-${index}` }));
  const partly = await contacts.batchApi.updateWithHttpInfo({ inputs: traced });
  const twice = await refusal(contacts.batchApi.update({ inputs: [rows[0], rows[0]] }));
  return {
    whole,
    twice,
    status: partly.httpStatusCode,
    numErrors: partly.data.numErrors,
    bad: partly.data.errors.map((error) => error.context.objectWriteTraceId),
    good: partly.data.results.map((row) => [row.objectWriteTraceId, row.properties.city]),
  };
}

async function tasks() {
  const made = await client.crm.objects.tasks.batchApi.create({
    inputs: ["97", "98"].map((id, index) => ({
      properties: {
        hs_timestamp: "2026-03-03T09:00:00Z",
        hs_task_subject: "Call",
        hs_task_status: "NOT_STARTED",
        hs_task_priority: "HIGH",
      },
      associations: [toContact(id)],
      objectWriteTraceId: `task-${index}`,
    })),
  });
  const undated = await refusal(
    client.crm.objects.tasks.basicApi.create({ properties: { hs_task_subject: "x" }, associations: [] }),
  );
  const from97 = await client.crm.associations.v4.batchApi.getPage("contacts", "tasks", { inputs: [{ id: "97" }] });
  const page = await client.crm.associations.v4.basicApi.getPage("tasks", made.results[0].id, "contacts");
  const read = await client.crm.objects.tasks.basicApi.getById(made.results[0].id, ["hs_task_subject"], [], ["contacts"]);
  return {
    made: made.results.length,
    undated: undated.code,
    from97: from97.results[0].to.map((end) => end.associationTypes.map((type) => type.typeId)),
    page: page.results.length,
    type: read.associations.contacts.results[0].type,
  };
}

async function associations() {
  const v4 = client.crm.associations.v4;
  const company = await client.crm.companies.basicApi.create({ properties: { name: "Kern" }, associations: [] });
  const made = await v4.batchApi.create("contacts", "companies", {
    inputs: [
      {
        _from: { id: "100" },
        to: { id: company.id },
        types: [{ associationCategory: "HUBSPOT_DEFINED", associationTypeId: 1 }],
      },
    ],
  });
  await v4.batchApi.createDefault("contacts", "companies", { inputs: [{ _from: { id: "101" }, to: { id: company.id } }] });
  await v4.basicApi.createDefault("contacts", "102", "companies", company.id);
  await v4.basicApi.create("contacts", "103", "companies", company.id, [
    { associationCategory: "HUBSPOT_DEFINED", associationTypeId: 279 },
  ]);
  await v4.basicApi.archive("contacts", "103", "companies", company.id);
  const read = await v4.batchApi.getPage("contacts", "companies", {
    inputs: ["100", "101", "102", "103"].map((id) => ({ id })),
  });
  const labels = await v4.schema.definitionsApi.getAll("contacts", "companies");
  return {
    made: made.results.length,
    read: Object.fromEntries(
      read.results.map((row) => [row._from.id, row.to[0].associationTypes.map((type) => type.typeId)]),
    ),
    none: read.errors.map((error) => error.subCategory),
    labels: labels.results.map((one) => [one.typeId, one.label]),
  };
}

async function history() {
  await contacts.basicApi.update("104", { properties: { hs_lead_status: "IN_PROGRESS" } });
  const read = await contacts.batchApi.read({
    inputs: [{ id: "104" }, { id: "5" }],
    properties: ["hs_lead_status"],
    propertiesWithHistory: ["hs_lead_status"],
  });
  const versions = read.results[0].propertiesWithHistory.hs_lead_status;
  return {
    versions: versions.map((one) => [one.value, one.sourceType]),
    stampIsDate: versions[0].timestamp instanceof Date,
    missing: read.errors[0].context.ids,
  };
}

async function endings() {
  await contacts.basicApi.archive("105");
  const archived = await contacts.basicApi.getPage(10, undefined, ["email"], undefined, undefined, true);
  const survivor = await contacts.basicApi.merge({ primaryObjectId: "106", objectIdToMerge: "107" });
  const byOld = await contacts.basicApi.getById("107", ["hs_merged_object_ids"]);
  await contacts.basicApi.purge({ objectId: "108" });
  const listed = await contacts.basicApi.getPage(100);
  return {
    archived: archived.results.map((row) => [row.id, row.archived, row.archivedAt instanceof Date]),
    survivor: survivor.id,
    byOld: [byOld.id, byOld.properties.hs_merged_object_ids],
    gone: (await refusal(contacts.basicApi.getById("108"))).code,
    left: listed.results.map((row) => row.id),
  };
}

async function account() {
  const owners = await client.crm.owners.ownersApi.getPage();
  const archived = await client.crm.owners.ownersApi.getPage(undefined, undefined, undefined, true);
  const stages = await client.crm.pipelines.pipelinesApi.getAll("leads");
  const forms = await client.marketing.forms.formsApi.getPage();
  return {
    owners: owners.results.map((one) => [one.email, one.archived]),
    archived: archived.results.length,
    stages: stages.results[0].stages.map((one) => one.id),
    forms: forms.results.map((one) => one.name),
  };
}

async function leads() {
  const api = client.crm.objects.leads;
  const bare = await refusal(api.basicApi.create({ properties: { hs_lead_name: "Alone" }, associations: [] }));
  const made = await api.basicApi.create({
    properties: { hs_lead_name: "With contact", hs_pipeline_stage: "new-stage-id" },
    associations: [
      { to: { id: "97" }, types: [{ associationCategory: "HUBSPOT_DEFINED", associationTypeId: 578 }] },
    ],
  });
  const found = await api.searchApi.doSearch({
    filterGroups: [{ filters: [{ propertyName: "hs_object_id", operator: "EQ", value: made.id }] }],
    properties: ["hs_associated_contact_email"],
    sorts: [],
    limit: 1,
    after: "0",
  });
  return { bare: bare.code, email: found.results[0].properties.hs_associated_contact_email };
}

async function refusals() {
  const stranger = new hubspot.Client({ accessToken: "stranger", basePath, numberOfApiCallRetries: 1 });
  const unknown = await refusal(stranger.crm.contacts.basicApi.getPage());
  await control("POST", "/switches", { missing_scopes: ["crm.objects.owners.read"] });
  const unscoped = await refusal(client.crm.owners.ownersApi.getPage());
  await control("POST", "/switches", { missing_scopes: [], limits: true, burst_limit: 0 });
  const burst = await refusal(contacts.basicApi.getPage());
  await control("POST", "/switches", { burst_limit: 190, daily_limit: 0 });
  const daily = await refusal(contacts.basicApi.getPage());
  await control("POST", "/switches", { daily_limit: 625000, limits: false });
  await control("POST", "/faults", { do: "answer", name: "secondly", path: "/search" });
  const secondly = await refusal(contacts.searchApi.doSearch({ filterGroups: [], limit: 1, after: "0", sorts: [] }));
  const patient = new hubspot.Client({ accessToken: "localcrm", basePath, numberOfApiCallRetries: 2 });
  await control("POST", "/faults", { do: "answer", name: "secondly", path: "/search" });
  const retried = await patient.crm.contacts.searchApi.doSearch({ filterGroups: [], limit: 1, after: "0", sorts: [] });
  return { unknown, unscoped, burst, daily, secondly, retried: retried.results.length };
}

async function main() {
  const report = {};
  const chapters = { searching, properties, upserting, updating, tasks, associations, history, leads, endings, account, refusals };
  for (const [name, chapter] of Object.entries(chapters)) {
    try {
      report[name] = await chapter();
    } catch (error) {
      throw new Error(`${name}: ${error.message}`, { cause: error });
    }
  }
  process.stdout.write(JSON.stringify(report));
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});
