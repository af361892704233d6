// Sends the ids in an event of Confluence to hr_sync, which reads again what they name. No title or text leaves the site.

// HR_SYNC_URL and HR_SYNC_TOKEN are variables of the app: see README.md.
export async function notify(event) {
  const body = idsOf(event);
  if (body.page_ids.length + body.space_keys.length === 0) {
    return;
  }
  const answer = await fetch(`${process.env.HR_SYNC_URL}/notify`, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      Authorization: `Bearer ${process.env.HR_SYNC_TOKEN}`,
    },
    body: JSON.stringify(body),
  });
  if (answer.status !== 202) {
    // It is not sent again: the runs of hr_sync on schedule find the change.
    console.error(`hr_sync answered ${answer.status} to ${event.eventType}`);
  }
}

// A page that was moved to another space has changed in both.
export function idsOf(event) {
  const contents = [event.content, event.prevContent].filter(Boolean);
  const spaces = [event.space, ...contents.map((content) => content.space)].filter(Boolean);
  return {
    page_ids: distinct(contents.map((content) => content.id)),
    space_keys: distinct(spaces.map((space) => space.key)),
  };
}

function distinct(values) {
  return [...new Set(values.filter((value) => value !== undefined && value !== null).map(String))];
}
