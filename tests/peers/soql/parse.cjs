// Parses the SOQL texts of a JSON file with Salesforce's own grammar and prints the complaints by text.
const { readFileSync } = require("node:fs");
const { SOQLParser } = require("@salesforce/soql-common/lib/soql-parser");

const parser = SOQLParser({ isApex: false, isMultiCurrencyEnabled: false, apiVersion: 59.0 });
const texts = JSON.parse(readFileSync(process.argv[2], "utf8"));
const complaints = {};
for (const text of texts) {
  const parsed = parser.parseQuery(text);
  const found = parsed.getParserErrors().map((error) => error.getMessage());
  if (found.length > 0 || !parsed.getSuccess()) {
    complaints[text] = found;
  }
}
process.stdout.write(JSON.stringify(complaints));
