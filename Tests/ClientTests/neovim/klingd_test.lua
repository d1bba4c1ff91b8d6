local bench, part = vim.env.BENCH, vim.env.PART
local said = ''
vim.notify = function(text)
  said = said .. text .. '\n'
end
local echo, echoed = vim.api.nvim_echo, ''
vim.api.nvim_echo = function(chunks, ...)
  echoed = echoed .. chunks[1][1] .. '\n'
  echo(chunks, ...)
end
local klingd = require('klingd')
local options = {
  cmd = vim.env.KLINGD,
  args = {
    '--provider', 'simulator', '--base-url', vim.env.ADDRESS, '--state', bench .. '/state',
    '--storage', 'file://' .. bench .. '/images',
  },
}
klingd.setup(options)

local function text(buffer)
  return table.concat(vim.api.nvim_buf_get_lines(buffer or 0, 0, -1, false), '\n')
end

local function eventually(what, condition)
  assert(vim.wait(20000, condition, 10), what .. '; text: ' .. text() .. '; said: ' .. said)
end

local function equal(is, should, what)
  assert(is == should, ('%s: %s, not %s; said: %s'):format(what, is, should, said))
end

local function page(name, lines)
  vim.cmd('enew!')
  vim.api.nvim_buf_set_name(0, bench .. '/' .. name)
  vim.api.nvim_buf_set_lines(0, 0, -1, false, lines or { '' })
  return vim.api.nvim_get_current_buf()
end

local function call(method, params)
  local answer
  klingd.request(method, params, function(err, result) answer = { err = err, result = result } end)
  eventually(method .. ' is answered', function() return answer end)
  return answer.result, answer.err
end

local function records()
  return #vim.fn.glob(vim.fn.stdpath('data') .. '/klingd/*', true, true)
end

local function klingd_channel()
  local newest
  for _, channel in ipairs(vim.api.nvim_list_chans()) do
    newest = channel.stream == 'job' and pcall(vim.fn.jobpid, channel.id) and channel.id or newest
  end
  return newest
end

local function klingd_pid()
  return vim.fn.jobpid(klingd_channel())
end

vim.o.hidden = true
local parts = {}

function parts.main()
  local one = page('one.md', { 'first', 'here: ', 'last' })
  vim.api.nvim_win_set_cursor(0, { 2, 5 })
  vim.cmd('KlingGenerate a [red] boat & <b>')
  vim.api.nvim_buf_set_lines(one, 0, 0, false, { 'above', 'above' })
  local two = page('two.md', { 'x a tall möwe y' })
  vim.cmd([[execute "normal! \<Esc>0wv2e\<Esc>"]])
  vim.cmd("'<,'>KlingGenerate")
  local three = page('three.md')
  vim.cmd('KlingGenerate gone')
  equal(klingd.pending(), 3, 'waited for')
  local marks = vim.api.nvim_buf_get_extmarks(one, vim.api.nvim_create_namespace('klingd'), 0, -1, { details = true })
  equal(marks[1][4].virt_text[1][1], ' [klingd: queued]', 'what is shown meanwhile')
  vim.cmd('enew!')
  vim.cmd('bwipeout! ' .. three)
  eventually('the first link', function() return text(one):find('!%[') end)
  eventually('the second link', function() return text(two):find('!%[') end)
  local line = vim.api.nvim_buf_get_lines(one, 3, 4, false)[1]
  local path = line:match('^here:!%[a \\%[red\\%] boat \\& \\<b\\>%]%((images/.-)%) $')
  assert(path, 'the link stands where the cursor was: ' .. text(one))
  local file = assert(io.open(bench .. '/' .. path, 'rb'))
  assert(file:read(4) == '\137PNG', 'a PNG')
  file:close()
  assert(text(two):find('![a tall möwe](images/', 1, true), 'the selection is the prompt: ' .. text(two))
  eventually('a wiped buffer: the path is shown', function() return said:find('place in the text is gone: /') end)
  equal(klingd.pending(), 0, 'waited for')
  equal(records(), 0, 'kept of what is done')
  assert(echoed:find('klingd: stored: a [red] boat', 1, true), 'each state is shown: ' .. echoed)
  local id = said:match(':KlingResume ([%x-]+) inserts it')
  page('four.md')
  vim.cmd('KlingResume ' .. id)
  eventually('one is inserted by its id', function() return text():find('![gone](images/', 1, true) end)

  said = ''
  vim.cmd('KlingList')
  eventually('the tasks are listed', function() return said:find(id .. '  stored  gone  /', 1, true) end)

  local given
  klingd.setup({ insert = function(...) given = { ... } end, defaults = { n = 2 } })
  vim.cmd('KlingGenerate to a function')
  eventually('insert is called', function() return given end)
  equal(given[1].request.n, 2, 'defaults are asked for')
  equal(#given[5], 2, 'links')
  equal(records(), 0, 'kept of what is done')
end

function parts.leave()
  page('leave.md')
  vim.cmd('KlingGenerate left behind')
  eventually('klingd has the task', function()
    local tasks = call('list', { watch = 'active' }).tasks
    return tasks[1] and tasks[1].task_id
  end)
  vim.fn.writefile({ tostring(klingd_pid()) }, bench .. '/pid')
  equal(records(), 1, 'kept of what is not done')
end

function parts.resume()
  page('other.md')
  vim.cmd('KlingResume')
  assert(said:find('more was asked for in ' .. bench .. '/leave.md', 1, true), said)
  equal(klingd.pending(), 0, 'waited for in another file')
  -- It is stored meanwhile, and nobody inserts it.
  call('status', { id = call('list').tasks[1].id, wait_for = 'stored' })
  page('leave.md')
  vim.cmd('KlingResume')
  vim.cmd('KlingResume')
  eventually('the task is resumed', function() return text():find('![left behind](images/', 1, true) end)
  eventually('nothing is waited for', function() return klingd.pending() == 0 end)
  equal(select(2, text():gsub('!%[', '')), 1, 'links')
  equal(records(), 0, 'kept of what is done')
  equal(#call('list').tasks, 1, 'tasks')
  said = ''
  vim.cmd('KlingResume')
  assert(said:find('nothing to resume'), said)

  -- Of another Neovim that runs: this one's parent.
  require('klingd.asked').keep({ key = 'k', params = { prompt = 'x' }, file = '' })
  local file = vim.fn.stdpath('data') .. '/klingd/k.json'
  local asked = vim.json.decode(vim.fn.readfile(file)[1])
  equal(asked.pid, vim.fn.getpid(), 'who sees to it')
  asked.pid = (vim.uv or vim.loop).os_getppid()
  vim.fn.writefile({ vim.json.encode(asked) }, file)
  said = ''
  vim.cmd('KlingResume!')
  assert(said:find('nothing to resume'), said)
end

function parts.cancel()
  page('cancel.md')
  vim.cmd('KlingCancel')
  assert(said:find('nothing is waited for'), said)
  call('server-info')
  -- Nothing is answered yet.
  vim.cmd('KlingGenerate one')
  vim.cmd('KlingGenerate two')
  local chansend, sent = vim.fn.chansend, ''
  vim.fn.chansend = function(channel, line)
    sent = sent .. line
    return chansend(channel, line)
  end
  vim.cmd('KlingCancel')
  equal(select(2, sent:gsub('cancelRequest', '')), 2, 'waits that are ended')
  equal(klingd.pending(), 2, 'waited for')
  eventually('all is cancelled', function() return klingd.pending() == 0 end)
  eventually('what became of it is said', function() return said:find('no longer waited') or said:find('withdrawn') end)
  equal(#call('list', { watch = 'active' }).tasks, 0, 'active tasks')
  said = ''
  vim.cmd('KlingGenerate three')
  local three
  eventually('it is with the provider', function()
    three = call('list', { limit = 1 }).tasks[1]
    return three and three.request.prompt == 'three' and three.task_id
  end)
  vim.cmd('KlingCancel')
  eventually('cancelled', function()
    return said:find('1 no longer waited for; the jobs go on at the provider and are billed')
  end)
  equal(klingd.pending(), 0, 'waited for')
  equal(text(), '', 'inserted')
  equal(records(), 0, 'kept of what was cancelled')
  -- The task can be had all the same.
  vim.cmd('KlingResume ' .. three.id)
  eventually('it is inserted', function() return text():find('![three](images/', 1, true) end)
end

function parts.died()
  page('died.md')
  call('server-info')
  -- Killed before it can have read the request.
  vim.loop.kill(klingd_pid(), 'sigstop')
  vim.cmd('KlingGenerate lost and found')
  vim.loop.kill(klingd_pid(), 'sigkill')
  eventually('the end is told', function()
    return said:find('klingd ended %(exit code 137%).*:KlingResume.*whether money was spent is not known')
  end)
  equal(klingd.pending(), 0, 'waited for')
  equal(records(), 1, 'kept of what is not done')
  vim.cmd('KlingResume')
  eventually('it is asked for again', function() return text():find('![lost and found](images/', 1, true) end)
  equal(#call('list').tasks, 1, 'tasks')

  -- The moment between the end of klingd and when Neovim tells of it, in which a write is an error.
  said = ''
  local chansend, ended = vim.fn.chansend, { [klingd_channel()] = true }
  vim.fn.chansend = function(channel, ...)
    assert(not ended[channel], 'Vim:E900: Invalid channel id')
    return chansend(channel, ...)
  end
  vim.loop.kill(klingd_pid(), 'sigkill')
  equal(#call('list').tasks, 1, 'tasks of the klingd that has replaced it')
  setmetatable(ended, { __index = function() return true end })
  vim.cmd('KlingGenerate unheard')
  assert(said:find('the next command starts it anew; no money was spent'), said)
  equal(klingd.pending() + records(), 0, 'waited for or kept')
  vim.fn.chansend = chansend
  equal(#call('list').tasks, 1, 'tasks')

  page('after.md')
  vim.cmd('KlingGenerate asked, never told')
  vim.loop.kill(klingd_pid(), 'sigkill')
  eventually('the end is told', function() return klingd.pending() == 0 end)
end

function parts.after_death()
  page('elsewhere.md')
  vim.cmd('KlingResume!')
  eventually('it is asked for again', function() return text():find('![asked, never told](images/', 1, true) end)
  local prompts = vim.tbl_map(function(task) return task.request.prompt end, call('list').tasks)
  equal(#prompts, 2, 'tasks: ' .. table.concat(prompts, ', '))
end

function parts.small()
  local function refused(given, words)
    local ok, why = pcall(klingd.setup, given)
    assert(not ok and why:find(words, 1, true), tostring(why))
  end
  refused({ command = 'x' }, "klingd: setup has no option 'command'; there are cmd, args, defaults and insert")
  refused({ cmd = {} }, "'cmd' must be the name or path")
  refused({ args = '--provider simulator' }, "'args' must be a list of strings")
  refused({ args = { '--port', 1 } }, "'args' must be a list of strings")
  refused({ defaults = { 'x' } }, "'defaults' must be a table of parameters")
  refused({ defaults = { prompt = 'x' } }, "'defaults' must not hold 'prompt'")
  refused({ insert = 'x' }, "'insert' must be a function")
  refused('x', 'setup takes a table')
  klingd.setup() -- As plugin managers call it.

  -- What it says comes in pieces, cut anywhere, among what is not known.
  local fake = bench .. '/fake'
  vim.fn.writefile({
    '#!/bin/sh', 'read -r line', [[id=${line##*\"id\":}]], 'id=${id%%[!0-9]*}',
    [[printf 'no JSON\n\n[1]\n7\n{"method":"news"}\n{"method":"task-updated","params":[1]}\n{"id":%s,"resul' "$id"]],
    'sleep 0.1', [[printf 't":{"text":"m\303']], 'sleep 0.1', [[printf '\266we"}}\n']], 'read -r line',
  }, fake)
  vim.fn.setfperm(fake, 'rwxr-xr-x')
  klingd.setup({ cmd = fake })
  equal(call('x').text, 'möwe', 'an answer in pieces')
  vim.loop.kill(klingd_pid(), 'sigkill')
  eventually('it has ended', function() return not klingd_channel() end)
  vim.fn.writefile({
    '#!/bin/sh', 'read -r line', [[id=${line##*\"id\":}]], 'id=${id%%[!0-9]*}', [[printf '{"id":%s,"result":"' "$id"]],
    'head -c 20000000 /dev/zero | tr "\\0" x', [[printf '"}\n']], 'read -r line',
  }, fake)
  local long
  eventually('the next has taken its place', function()
    long = call('x')
    return long
  end)
  equal(#long, 20000000, 'an answer that is longer than a request')
  vim.loop.kill(klingd_pid(), 'sigkill')
  eventually('it has ended', function() return not klingd_channel() end)
  klingd.setup(options)
  eventually('klingd has taken its place', function() return call('server-info') end)

  klingd.setup({ defaults = { aspect_ratio = '7:1' } })
  page('small.md')
  vim.cmd('KlingGenerate wrong')
  eventually('the error is shown', function() return said:find('aspect_ratio.*no money was spent') end)
  equal(records(), 0, 'kept of what was refused')
  klingd.setup({ defaults = {} })

  said = ''
  klingd.generate('half a \xc3')
  assert(said:find('the prompt is not UTF-8; no money was spent', 1, true), said)
  equal(klingd.pending() + records(), 0, 'waited for or kept')

  -- A path of which Markdown would make something else, and a place that is no folder.
  local Place = require('klingd.place')
  local place = Place.new(0, 0, 0, 'x\ny')
  equal(place:link({ path = bench .. '/a (b)/50%#?\n<c>\\.png' }), '![x y](a%20%28b%29/50%25%23%3F%0A%3Cc%3E%5C.png)', 'link')
  equal(place:link({ path = '/else where/x.png' }), '![x y](/else%20where/x.png)', 'link')
  equal(place:link({ uri = 's3://b/c%20d (1).png' }), '![x y](s3://b/c%20d%20%281%29.png)', 'link')
  place:remove()

  -- A klingd that is not there, and one that does not like how it is started. The one from above ends first.
  vim.loop.kill(klingd_pid(), 'sigkill')
  klingd.setup({ cmd = bench .. '/nothing' })
  eventually('it has ended', function()
    local _, err = call('server-info')
    return err and err.message:find('cannot be started')
  end)
  said = ''
  vim.cmd('KlingGenerate x')
  assert(said:find('nothing cannot be started.*set cmd in setup; no money was spent'), said)
  klingd.setup({ cmd = options.cmd, args = { '--no-such-option' } })
  said = ''
  vim.cmd('KlingList')
  eventually('why is said', function() return said:find('klingd ended %(exit code %d+%): Error: .*no%-such%-option') end)
  assert(not said:find('money'), said)
  said = ''
  vim.cmd('KlingGenerate x')
  eventually('no money was spent', function() return said:find('exit code 2%).*no%-such%-option.*; no money was spent') end)
  equal(klingd.pending() + records(), 0, 'waited for or kept of what was not taken')

  -- Ended in the midst of what pays for nothing; and with exit code 2 after it has taken something.
  vim.fn.writefile({ '#!/bin/sh', 'read -r line', 'exit 7' }, fake)
  klingd.setup({ cmd = fake, args = {} })
  said = ''
  vim.cmd('KlingList')
  eventually('the end is told', function() return said:find('klingd ended %(exit code 7%)') end)
  assert(not said:find('money'), said)
  said = ''
  vim.cmd('KlingResume x')
  eventually('the end is told', function() return said:find('klingd ended %(exit code 7%)') end)
  assert(not said:find('money'), said)
  vim.fn.writefile({ '#!/bin/sh', 'echo "{}"', 'read -r line', 'exit 2' }, fake)
  local _, err = call('generate')
  equal(err.data.charged, 'unknown', 'charged')
  klingd.setup(options)
  said = ''
  vim.cmd('KlingList')
  eventually('the next command starts it anew', function() return said:find('no tasks yet') end)

  -- What is <Plug> and what the help tells of.
  for _, name in ipairs({ 'generate', 'cancel', 'list', 'resume' }) do
    assert(vim.fn.maparg('<Plug>(klingd-' .. name .. ')', 'n') ~= '', name)
  end
  page('plug.md', { 'an ox' })
  vim.api.nvim_feedkeys(vim.api.nvim_replace_termcodes('V<Plug>(klingd-generate)', true, true, true), 'x', false)
  eventually('the selected line is the prompt', function() return text():find('![an ox](images/', 1, true) end)

  vim.fn.mkdir(bench .. '/help/doc', 'p')
  vim.fn.writefile(vim.fn.readfile(vim.env.PLUGIN .. '/doc/klingd.txt'), bench .. '/help/doc/klingd.txt')
  vim.cmd('helptags ' .. bench .. '/help/doc')
  local tags, help = {}, table.concat(vim.fn.readfile(bench .. '/help/doc/klingd.txt'), '\n')
  for _, line in ipairs(vim.fn.readfile(bench .. '/help/doc/tags')) do
    tags[line:match('^[^\t]+')] = true
  end
  for name in help:gmatch('|([^|%s]+)|') do
    assert(tags[name] or #vim.fn.getcompletion(name, 'help') > 0, 'the help has no tag ' .. name)
  end
  for name in pairs(vim.api.nvim_get_commands({})) do
    assert(not name:find('^Kling') or tags[':' .. name], 'the help does not tell of ' .. name)
  end
  for name in pairs(klingd) do
    assert(tags['klingd.' .. name .. '()'], 'the help does not tell of ' .. name)
  end
  for _, line in ipairs(vim.split(help, '\n')) do
    assert(vim.fn.strdisplaywidth(line) <= 78, 'a line of the help is long: ' .. line)
  end
end

local ok, err = xpcall(parts[part], debug.traceback)
if not ok then
  io.stderr:write(err .. '\n')
  vim.cmd('cquit 1')
end
vim.cmd('qall!')
