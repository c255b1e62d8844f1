-- GETs badges of SKUs drawn by chance; prints what came of it as one line of JSON.
--
-- wrk … -- <SKUs> <hot ones> <share of requests for those, of a hundred> <seed>
-- The hot ones are the first of them; all other requests are for any SKU.

local skus, hot, share, host

function init(arguments)
  skus, hot, share = tonumber(arguments[1]), tonumber(arguments[2]), tonumber(arguments[3])
  host = wrk.headers['Host'] or wrk.host
  math.randomseed(tonumber(arguments[4]))
end

function request()
  local among = skus
  if share > 0 and math.random(100) <= share then
    among = hot
  end
  return string.format(
    'GET /v1/stock/SKU-%06d HTTP/1.1\r\nHost: %s\r\n\r\n', math.random(0, among - 1), host)
end

dofile(debug.getinfo(1, 'S').source:match('^@(.*/)') .. 'report.lua')
