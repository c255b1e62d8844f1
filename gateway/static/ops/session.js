// The key: kept in this tab alone, and sent in a header, never in an address.

const PLACE = "stockspan.ops.key";
const PATIENCE = 12_000; // for an answer, in milliseconds

export const key = () => sessionStorage.getItem(PLACE);
export const signIn = (text) => sessionStorage.setItem(PLACE, text);
export const signOut = () => sessionStorage.removeItem(PLACE);

// The gateway has answered, and does not want to: `status`, and the words of the problem.
export class Refused extends Error {
  constructor(status, problem) {
    const fields = (problem?.errors ?? []).map(({ field, reason }) => `${field} ${reason}`);
    super([problem?.title ?? `status ${status}`, problem?.detail, ...fields].filter(Boolean).join(": "));
    this.status = status;
    this.type = problem?.type ?? "";
  }
}

// Nobody has answered, or what did is not the gateway.
export class Away extends Error {}

export async function ask(path, { method = "GET", patience = PATIENCE } = {}) {
  let response;
  let body;
  try {
    response = await fetch(path, {
      method,
      headers: { Authorization: `Bearer ${key()}` },
      cache: "no-store",
      credentials: "omit",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(patience),
    });
    body = await response.json();
  } catch {
    throw new Away();
  }
  if (!response.ok) throw new Refused(response.status, body);
  return body;
}
