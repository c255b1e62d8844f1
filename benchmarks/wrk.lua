-- Posts the bodies of a file, one a line, in turn; prints what came of it as one line of JSON.
--
-- wrk … -- <path> <first line, from 0> [header value of Authorization]
-- Without a file (path "-") it sends plain GETs.

local requests, at = {}, 0

function init(arguments)
  local path, first, authorization = arguments[1], tonumber(arguments[2]), arguments[3]
  if path == '-' then
    requests[1] = wrk.format('GET')
  else
    local headers = {['Content-Type'] = 'application/json'}
    if authorization ~= '' then
      headers['Authorization'] = authorization
    end
    for line in io.lines(path) do
      requests[#requests + 1] = wrk.format('POST', nil, headers, line)
    end
  end
  at = first % #requests
end

function request()
  at = at % #requests + 1
  return requests[at]
end

dofile(debug.getinfo(1, 'S').source:match('^@(.*/)') .. 'report.lua')
