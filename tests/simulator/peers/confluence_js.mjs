// Prints, as JSON, what confluence.js finds on a Cloud site: titles by two searches walked to their end, and restrictions.
// Arguments: the folder of node_modules, the site's origin, user, token.
import { createRequire } from 'node:module';

const [folder, host, email, apiToken] = process.argv.slice(2);
const { ConfluenceClient } = createRequire(`${folder}/package.json`)('confluence.js');
const client = new ConfluenceClient({ host, authentication: { basic: { email, apiToken } } });

async function walk(ask, parameters) {
  const rows = [];
  let cursor;
  do {
    const answer = await ask({ ...parameters, cursor });
    rows.push(...answer.results);
    const next = answer._links.next;
    cursor = next && new URL(next, host).searchParams.get('cursor');
  } while (cursor);
  return rows;
}

const cql = 'space = HR and type = page order by title';
const found = await walk(p => client.search.searchByCQL(p), { cql, limit: 2 });
const content = await walk(p => client.content.searchContentByCQL(p), { cql, limit: 2, expand: ['version'] });
const leave = found.find(row => row.title === 'Leave').content.id;
const restrictions = await client.contentRestrictions.getRestrictionsByOperation({ id: leave });
const user = await client.users.getCurrentUser();
console.log(JSON.stringify({
  search: found.map(row => row.title),
  content: content.map(row => [row.title, row.version.number]),
  groups: restrictions.read.restrictions.group.results.map(group => group.name),
  user: user.type,
}));
