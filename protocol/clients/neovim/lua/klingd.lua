-- A client of klingd's native protocol for Neovim 0.7 and newer.
local M = {}

local config = { cmd = 'klingd', args = {}, defaults = {} }
local namespace = vim.api.nvim_create_namespace('klingd')
local job, partial, next_id = nil, '', 1
local waiting = {} -- request id -> callback(error, result)
local places = {} -- one for each image task that is waited for here

function M.setup(options)
  config = vim.tbl_extend('force', config, options or {})
end

local function notify(text, level)
  vim.notify('klingd: ' .. text, level or vim.log.levels.INFO)
end

local MONEY = { no = 'no money was spent', yes = 'it was paid for' }

local function money(charged)
  return MONEY[charged] or 'whether money was spent is not known; see :KlingList'
end

local function take(line)
  local ok, message = pcall(vim.json.decode, line, { luanil = { object = true } })
  if not ok or type(message) ~= 'table' then
    return
  end
  if message.method == 'task-updated' and type(message.params) == 'table' then
    local task = message.params.task
    for _, place in ipairs(places) do
      if type(task) == 'table' and place.id == task.id then
        place.show(task.state)
      end
    end
    return
  end
  local callback = message.id and waiting[message.id]
  if callback then
    waiting[message.id] = nil
    callback(message.error, message.result)
  end
end

local function on_stdout(_, data)
  -- The first item goes on with the last one of the call before.
  data[1] = partial .. data[1]
  partial = table.remove(data)
  for _, line in ipairs(data) do
    take(line)
  end
end

local function on_exit(id, code)
  if id ~= job then
    return
  end
  job, partial = nil, ''
  local callbacks = waiting
  waiting = {}
  for _, callback in pairs(callbacks) do
    callback({
      message = 'klingd ended (exit code ' .. code .. '); its tasks live on in the ledger, :KlingResume waits for them',
      data = { charged = 'unknown' },
    })
  end
end

local function start()
  if job then
    return true
  end
  -- Detached, so that the end of input and not a signal from Neovim ends it.
  local command = vim.list_extend({ config.cmd, 'serve', '--on-eof', 'detach' }, config.args)
  local ok, id = pcall(vim.fn.jobstart, command, { on_stdout = on_stdout, on_exit = on_exit, detach = true })
  if not ok or id <= 0 then
    notify(config.cmd .. ' cannot be started; set cmd in setup; no money was spent', vim.log.levels.ERROR)
    return false
  end
  job = id
  vim.api.nvim_create_autocmd('VimLeavePre', {
    group = vim.api.nvim_create_augroup('klingd', { clear = true }),
    callback = function()
      if job then
        vim.fn.chanclose(job, 'stdin')
        vim.fn.jobwait({ job }, 3000)
      end
    end,
  })
  return true
end

function M.request(method, params, callback)
  if not start() then
    return
  end
  local id = next_id
  next_id = id + 1
  waiting[id] = callback
  local request = { jsonrpc = '2.0', id = id, method = method, params = next(params) and params or vim.empty_dict() }
  vim.fn.chansend(job, vim.json.encode(request) .. '\n')
  return id
end

local function link(prompt, path, buffer)
  local file = vim.api.nvim_buf_is_valid(buffer) and vim.api.nvim_buf_get_name(buffer) or ''
  local folder = file ~= '' and vim.fn.fnamemodify(file, ':p:h') .. '/' or nil
  if folder and vim.startswith(path, folder) then
    path = path:sub(#folder + 1)
  end
  local text = prompt:gsub('%s+', ' '):gsub('[\\%[%]`*_<>!]', '\\%0')
  path = path:gsub('[%% ()<>\\]', function(c)
    return string.format('%%%02X', c:byte())
  end)
  return '![' .. text .. '](' .. path .. ')'
end

local function new_place(buffer, row, column, prompt)
  local place = { buffer = buffer, prompt = prompt }
  place.mark = vim.api.nvim_buf_set_extmark(buffer, namespace, row, column, {})

  function place.position()
    if not vim.api.nvim_buf_is_loaded(buffer) then
      return nil
    end
    local at = vim.api.nvim_buf_get_extmark_by_id(buffer, namespace, place.mark, {})
    return at[1], at[2]
  end

  function place.show(state)
    local at_row, at_column = place.position()
    if at_row then
      vim.api.nvim_buf_set_extmark(buffer, namespace, at_row, at_column, {
        id = place.mark,
        virt_text = { { ' [klingd: ' .. state .. ']', 'Comment' } },
      })
    end
    vim.api.nvim_echo({ { 'klingd: ' .. state .. ': ' .. prompt:sub(1, 40):gsub('\n', ' ') } }, false, {})
  end

  function place.finish()
    for i, other in ipairs(places) do
      if other == place then
        table.remove(places, i)
        break
      end
    end
    if vim.api.nvim_buf_is_valid(buffer) then
      vim.api.nvim_buf_del_extmark(buffer, namespace, place.mark)
    end
  end

  table.insert(places, place)
  place.show('queued')
  return place
end

local function finish(place, err, task)
  local row, column = place.position()
  place.finish()
  if err then
    local data = err.data or {}
    return notify(err.message .. '; ' .. money(data.charged), vim.log.levels.ERROR)
  end
  if task.watch == 'cancelled' then
    return
  end
  if task.state ~= 'stored' then
    local why = task.error and (': ' .. tostring(task.error.message)) or '; :KlingResume waits for it'
    return notify('task ' .. task.id .. ' is ' .. task.state .. why .. '; ' .. money(task.charged), vim.log.levels.ERROR)
  end
  local links, paths = {}, {}
  for _, image in ipairs(task.images or {}) do
    local path = image.path or image.uri
    table.insert(paths, path)
    table.insert(links, link(place.prompt, path, place.buffer))
  end
  local shown = table.concat(paths, ', ')
  if config.insert then
    return config.insert(task, place.buffer, row, column, links)
  end
  if not row or not pcall(vim.api.nvim_buf_set_text, place.buffer, row, column, row, column, links) then
    return notify('stored, but its place in the text is gone: ' .. shown, vim.log.levels.WARN)
  end
  notify('stored ' .. shown)
end

local function cursor()
  local at = vim.api.nvim_win_get_cursor(0)
  return at[1] - 1, at[2]
end

function M.generate(prompt)
  local row, column = cursor()
  if not start() then
    return
  end
  local place = new_place(vim.api.nvim_get_current_buf(), row, column, prompt)
  local params = vim.tbl_extend('force', config.defaults, { prompt = prompt, wait_for = 'submitted' })
  M.request('generate', params, function(err, task)
    if err or task.state == 'failed' or task.state == 'stored' then
      return finish(place, err, task)
    end
    place.id = task.id
    M.request('status', { id = task.id, wait_for = 'stored', wait_ms = 3600000 }, function(e, t)
      finish(place, e, t)
    end)
  end)
end

local function selection(command)
  local from, to = vim.fn.getpos("'<"), vim.fn.getpos("'>")
  if from[2] == command.line1 and to[2] == command.line2 and vim.fn.visualmode() == 'v' then
    local lines = vim.api.nvim_buf_get_lines(0, from[2] - 1, to[2], false)
    local last = lines[#lines]
    -- The end is the first byte of the last character, which may have several.
    local past = vim.fn.byteidx(last:sub(to[3]), 1)
    lines[#lines] = past < 0 and last or last:sub(1, to[3] - 1 + past)
    lines[1] = lines[1]:sub(from[3])
    return table.concat(lines, '\n')
  end
  return table.concat(vim.api.nvim_buf_get_lines(0, command.line1 - 1, command.line2, false), '\n')
end

function M.generate_command(command)
  if command.args ~= '' then
    return M.generate(command.args)
  elseif command.range > 0 then
    return M.generate(selection(command))
  end
  vim.ui.input({ prompt = 'Prompt: ' }, function(prompt)
    if prompt and prompt ~= '' then
      M.generate(prompt)
    end
  end)
end

function M.cancel()
  local cancelled = 0
  for _, place in ipairs(places) do
    if place.id then
      cancelled = cancelled + 1
      M.request('cancel-watch', { id = place.id }, function(err)
        if err then
          notify(err.message, vim.log.levels.ERROR)
        end
      end)
    end
  end
  notify(cancelled .. ' no longer waited for; the jobs go on at the provider and are billed', vim.log.levels.WARN)
end

function M.list()
  M.request('list', { limit = 20 }, function(err, result)
    if err then
      return notify(err.message, vim.log.levels.ERROR)
    end
    local lines = {}
    for _, task in ipairs(result.tasks) do
      local image = task.images and task.images[1] or {}
      table.insert(lines, table.concat({ task.id, task.state, task.request.prompt or '', image.path or '' }, '  '))
    end
    notify(#lines > 0 and table.concat(lines, '\n') or 'no tasks yet')
  end)
end

function M.resume()
  local buffer, row, column = vim.api.nvim_get_current_buf(), cursor()
  M.request('list', { watch = 'active', limit = 100 }, function(err, result)
    if err then
      return notify(err.message, vim.log.levels.ERROR)
    end
    local here = {}
    for _, place in ipairs(places) do
      here[place.id or ''] = true
    end
    for _, task in ipairs(result.tasks) do
      if not here[task.id] then
        local place = new_place(buffer, row, column, task.request.prompt or '')
        place.id = task.id
        M.request('status', { id = task.id, wait_for = 'stored', wait_ms = 3600000 }, function(e, t)
          finish(place, e, t)
        end)
      end
    end
  end)
end

return M
