// What a shop's page does with the types: compiled by scripts/types, never run.
import type { components, paths } from "./stockspan";

type StockItem = components["schemas"]["StockItem"];
type StockItems = components["schemas"]["StockItems"];
type Problem = components["schemas"]["Problem"];
type StockQuery = NonNullable<paths["/v1/stock/{sku}"]["get"]["parameters"]["query"]>;
type Hold = paths["/v1/reservations"]["post"]["requestBody"]["content"]["application/json"];
type Held = paths["/v1/reservations"]["post"]["responses"][201]["content"]["application/json"];

export async function label(gateway: string, sku: string, query: StockQuery): Promise<string> {
    const named = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) named.set(name, String(value));
    const response = await fetch(`${gateway}/v1/stock/${encodeURIComponent(sku)}?${named}`);
    if (!response.ok) throw new Error(((await response.json()) as Problem).title);
    const item = (await response.json()) as StockItem;
    return item.span === null ? item.label : `${item.label} (${item.span.min} at least)`;
}

export function labels(answer: StockItems): string[] {
    return answer.items.map((item) => ("error" in item ? item.error.title : item.label));
}

export async function hold(gateway: string, key: string, wanted: Hold): Promise<Held> {
    const response = await fetch(`${gateway}/v1/reservations`, {
        method: "POST",
        headers: {
            Authorization: `Bearer ${key}`,
            "Content-Type": "application/json",
            "Idempotency-Key": crypto.randomUUID(),
        },
        body: JSON.stringify(wanted),
    });
    if (!response.ok) throw new Error(((await response.json()) as Problem).title);
    return (await response.json()) as Held;
}

export const few: Hold = { lines: [{ sku: "A-100", quantity: 3 }], ttl_seconds: 600 };

// @ts-expect-error - nothing to hold
export const nothing: Hold = { ttl_seconds: 600 };

// @ts-expect-error - a status that is none
export const wrong: StockItem["status"] = "sold";
