-- Holds units and confirms what was held; prints what came of it as one line of JSON.
--
-- wrk … <url of reservations> -- <prefix> <file> <SKUs> <authorization>
-- prefix   begins every idempotency key and order_ref: another one each time
-- file     gets a line for each answer: h or c (held, confirmed) and the reservation, or x (neither),
--          the status and the body
-- SKUs     how many there are, SKU-0000000 onwards, each as likely as any; 1: always the first
--
-- Whatever is held is confirmed next, on whichever connection is free; else a hold is asked for.
-- One thread, for the queue is the thread's.

local threads = {}

function setup(thread)
  threads[#threads + 1] = thread
end

local held, first, last = {}, 1, 0
local asked = 0
local prefix, skus, authorization, path, out
local find, format, random = string.find, string.format, math.random

function init(arguments)
  prefix, skus, authorization = arguments[1], tonumber(arguments[3]), arguments[4]
  out = assert(io.open(arguments[2], 'w'))
  path = wrk.path
  -- Its own sequence each time, and the same when it is run again.
  local seed = 0
  for i = 1, #prefix do seed = (seed * 31 + prefix:byte(i)) % 2147483647 end
  math.randomseed(seed)
  holds, confirms, refused = 0, 0, ''
end

local function post(to, key, body)
  return format(
    'POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nContent-Type: application/json\r\n' ..
    '%sContent-Length: %d\r\n\r\n%s', to, wrk.headers['Host'], authorization, key, #body, body)
end

function request()
  asked = asked + 1
  if first <= last then
    local reservation = held[first]
    held[first], first = nil, first + 1
    return post(path .. '/' .. reservation .. '/confirm', '',
      format('{"order_ref":"%s-%d"}', prefix, asked))
  end
  return post(path, format('Idempotency-Key: %s-%d\r\n', prefix, asked),
    format('{"lines":[{"sku":"SKU-%07d","quantity":1}],"ttl_seconds":900}', random(0, skus - 1)))
end

local counts = {}

function response(status, _, body)
  local _, _, reservation = find(body, '"reservation":%s*"([^"]+)"')
  if status == 201 and reservation then
    holds = holds + 1
    last = last + 1
    held[last] = reservation
    out:write('h ', reservation, '\n')
  elseif status == 200 and reservation and find(body, '"state":%s*"confirmed"') then
    confirms = confirms + 1
    out:write('c ', reservation, '\n')
  else
    counts[status] = (counts[status] or 0) + 1
    out:write('x ', status, ' ', (body:gsub('\n', ' ')), '\n')
    local told = {}
    for code, count in pairs(counts) do told[#told + 1] = format('"%d":%d', code, count) end
    refused = table.concat(told, ',')
  end
end

function done(summary, latency, _)
  local errors, thread = summary.errors, threads[1]
  io.write(format(
    '{"pairs":%d,"holds":%d,"seconds":%.6f,"refused":{%s},"broken":%d,"late":%d,' ..
    '"p50_ms":%.3f,"p99_ms":%.3f}\n',
    thread:get('confirms'), thread:get('holds'), summary.duration / 1e6, thread:get('refused'),
    errors.connect + errors.read + errors.write, errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
