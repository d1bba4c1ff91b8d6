-- klingd as a child of Neovim, started when it is needed, and JSON-RPC with it.
local config = require('klingd.config')

local M = {
  on_update = function(_) end, -- told each task that has changed
}
local current -- { job, waiting = { request id -> callback }, partial = pieces of a line, has_spoken, last_words }
local next_id = 1

local function take(session, line)
  local ok, message = pcall(vim.json.decode, line, { luanil = { object = true } })
  if not ok or type(message) ~= 'table' then
    return
  end
  session.has_spoken = true
  if message.method == 'task-updated' then
    local task = type(message.params) == 'table' and message.params.task
    if type(task) == 'table' then
      M.on_update(task)
    end
    return
  end
  local callback = message.id and session.waiting[message.id]
  if callback then
    session.waiting[message.id] = nil
    callback(message.error, message.result)
  end
end

local function on_stdout(session, data)
  -- The first item goes on with the last one of the call before. Pieces are joined once, since a line may be long.
  for i, piece in ipairs(data) do
    table.insert(session.partial, piece)
    if i < #data then
      local line = table.concat(session.partial)
      session.partial = {}
      take(session, line)
    end
  end
end

local function on_exit(session, code)
  if current == session then
    current = nil
  end
  local callbacks = session.waiting
  session.waiting = {}
  local last = code ~= 0 and session.last_words and ': ' .. session.last_words or ''
  local message, charged = ('klingd ended (exit code %d)%s'):format(code, last), 'no'
  -- 2: it does not like its options, and has taken nothing.
  if code ~= 2 or session.has_spoken then
    charged = 'unknown'
    message = message .. '; what it took lives on in its ledger: :KlingResume goes on with it, and nothing is paid twice'
  end
  for _, callback in pairs(callbacks) do
    callback({ message = message, data = { kind = 'ended', charged = charged } })
  end
end

local function start()
  if current then
    return current
  end
  local session = { waiting = {}, partial = {} }
  -- Detached, so that the end of input and not a signal from Neovim ends it.
  local command = vim.list_extend({ config.options.cmd, 'serve', '--on-eof', 'detach' }, config.options.args)
  local ok, job = pcall(vim.fn.jobstart, command, {
    detach = true,
    on_stdout = function(_, data)
      on_stdout(session, data)
    end,
    on_stderr = function(_, data)
      for _, line in ipairs(data) do
        -- The usage that follows an error is long.
        if line:match('%S') and not (session.last_words or ''):match('^Error') then
          session.last_words = line:sub(1, 500)
        end
      end
    end,
    on_exit = function(_, code)
      on_exit(session, code)
    end,
  })
  if not ok or job <= 0 then
    return nil
  end
  session.job = job
  current = session
  vim.api.nvim_create_autocmd('VimLeavePre', {
    group = vim.api.nvim_create_augroup('klingd', { clear = true }),
    callback = function()
      if current then
        vim.fn.chanclose(current.job, 'stdin')
        vim.fn.jobwait({ current.job }, 3000)
      end
    end,
  })
  return session
end

local function send(session, message)
  local ok, sent = pcall(vim.fn.chansend, session.job, vim.json.encode(message) .. '\n')
  if ok and sent > 0 then
    return true
  end
  -- It has ended, and on_exit will tell whoever waits for it.
  if current == session then
    current = nil
  end
  return false
end

-- callback(error, result) is called once, also when klingd ends before it has answered. Returns what cancel_request
-- takes. A klingd that is found to have ended is replaced by a new one: it was told nothing of this request.
function M.request(method, params, callback)
  local id = next_id
  next_id = id + 1
  local message = { jsonrpc = '2.0', id = id, method = method, params = next(params) and params or vim.empty_dict() }
  for _ = 1, 2 do
    local session = start()
    if not session then
      callback({
        message = config.options.cmd .. ' cannot be started; is it in PATH? Otherwise set cmd in setup',
        data = { kind = 'ended', charged = 'no' },
      })
      return nil
    end
    session.waiting[id] = callback
    if send(session, message) then
      return { session = session, id = id }
    end
    session.waiting[id] = nil
  end
  callback({
    message = 'klingd ends as soon as it starts, and was told nothing of this; the next command starts it anew',
    data = { kind = 'ended', charged = 'no' },
  })
end

-- Ends klingd's wait for a request that is not answered yet; it is answered then.
function M.cancel_request(request)
  if request.session.waiting[request.id] then
    send(request.session, { jsonrpc = '2.0', method = '$/cancelRequest', params = { id = request.id } })
  end
end

return M
