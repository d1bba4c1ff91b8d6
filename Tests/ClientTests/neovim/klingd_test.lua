local bench, part = vim.env.BENCH, vim.env.PART
local said = ''
vim.notify = function(text)
  said = said .. text .. '\n'
end
local klingd = require('klingd')
klingd.setup({
  cmd = vim.env.KLINGD,
  args = {
    '--provider', 'simulator', '--base-url', vim.env.ADDRESS, '--state', bench .. '/state',
    '--storage', 'file://' .. bench .. '/images',
  },
})

local function text(buffer)
  return table.concat(vim.api.nvim_buf_get_lines(buffer or 0, 0, -1, false), '\n')
end

local function eventually(what, condition)
  assert(vim.wait(15000, condition, 20), what .. '; text: ' .. text() .. '; said: ' .. said)
end

local function page(name, lines)
  vim.cmd('enew!')
  vim.api.nvim_buf_set_name(0, bench .. '/' .. name)
  vim.api.nvim_buf_set_lines(0, 0, -1, false, lines)
  return vim.api.nvim_get_current_buf()
end

vim.o.hidden = true
local parts = {}

function parts.main()
  local one = page('one.md', { 'first', 'here: ', 'last' })
  vim.api.nvim_win_set_cursor(0, { 2, 5 })
  vim.cmd('KlingGenerate a [red] boat')
  vim.api.nvim_buf_set_lines(one, 0, 0, false, { 'above', 'above' })
  local two = page('two.md', { 'x a tall möwe y' })
  vim.cmd([[execute "normal! \<Esc>0wv2e\<Esc>"]])
  vim.cmd("'<,'>KlingGenerate")
  eventually('the first link', function() return text(one):find('!%[') end)
  eventually('the second link', function() return text(two):find('!%[') end)
  local line = vim.api.nvim_buf_get_lines(one, 3, 4, false)[1]
  local path = line:match('^here:!%[a \\%[red\\%] boat%]%((images/.-)%) $')
  assert(path, 'the link stands where the cursor was: ' .. text(one))
  local file = assert(io.open(bench .. '/' .. path, 'rb'))
  assert(file:read(4) == '\137PNG', 'a PNG')
  file:close()
  assert(text(two):find('![a tall möwe](images/', 1, true), 'the selection is the prompt: ' .. text(two))

  said = ''
  klingd.setup({ defaults = { aspect_ratio = '7:1' } })
  vim.cmd('KlingGenerate wrong')
  eventually('the error is shown', function() return said:find('aspect_ratio') and said:find('no money was spent') end)
  klingd.setup({ defaults = {} })

  said = ''
  local three = page('three.md', { '' })
  vim.cmd('KlingGenerate gone')
  vim.cmd('enew!')
  vim.cmd('bwipeout! ' .. three)
  eventually('a wiped buffer: the path is shown', function() return said:find('place in the text is gone: /') end)
end

function parts.leave()
  page('leave.md', { '' })
  vim.cmd('KlingGenerate left behind')
  local pid
  eventually('klingd has the task', function()
    local tasks
    klingd.request('list', { watch = 'active' }, function(_, result) tasks = result.tasks end)
    vim.wait(1000, function() return tasks end, 5)
    return tasks and tasks[1] and tasks[1].task_id
  end)
  for _, channel in ipairs(vim.api.nvim_list_chans()) do
    pid = channel.mode == 'bytes' and channel.stream == 'job' and vim.fn.jobpid(channel.id) or pid
  end
  vim.fn.writefile({ tostring(pid) }, bench .. '/pid')
end

function parts.resume()
  page('resume.md', { '' })
  vim.cmd('KlingResume')
  eventually('the task is resumed', function() return text():find('![left behind](images/', 1, true) end)
  vim.cmd('KlingGenerate cancelled')
  said = ''
  eventually('cancelled', function()
    vim.cmd('KlingCancel')
    return said:find('1 no longer waited for; the jobs go on at the provider and are billed')
  end)
  vim.wait(500)
  assert(not text():find('![cancelled]', 1, true), 'a cancelled one is not inserted')
end

local ok, err = xpcall(parts[part], debug.traceback)
if not ok then
  io.stderr:write(err .. '\n')
  vim.cmd('cquit 1')
end
vim.cmd('qall!')
