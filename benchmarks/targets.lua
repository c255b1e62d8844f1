-- GETs the addresses in a file, one a line, in turn; prints what came of it as one line of JSON.
--
-- wrk … -- <path>

local requests, at = {}, 0

function init(arguments)
  for line in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format('GET', line)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

dofile(debug.getinfo(1, 'S').source:match('^@(.*/)') .. 'report.lua')
