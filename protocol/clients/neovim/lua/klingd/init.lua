-- A client of klingd's native protocol for Neovim 0.7 and newer; doc/klingd.txt tells how it is used.
local asked_for = require('klingd.asked')
local config = require('klingd.config')
local process = require('klingd.process')
local Place = require('klingd.place')

local M = {}
local places = {} -- one for each image task that is waited for here

local WAIT_MS = 3600000 -- the longest that klingd takes

local function notify(text, level)
  vim.notify('klingd: ' .. text, level or vim.log.levels.INFO)
end

local MONEY = { no = 'no money was spent', yes = 'it was paid for' }

local function money(charged)
  return MONEY[charged] or 'whether money was spent is not known; see :KlingList'
end

local function notify_error(err)
  notify(err.message .. '; ' .. money((err.data or {}).charged), vim.log.levels.ERROR)
end

-- Of a request that makes no task, which pays for nothing however it ends.
local function notify_free_error(err)
  notify(err.message, vim.log.levels.ERROR)
end

process.on_update = function(task)
  for _, place in ipairs(places) do
    if place.id == task.id then
      place:show(task.state)
    end
  end
end

function M.setup(options)
  config.set(options)
end

function M.request(method, params, callback)
  return process.request(method, params or {}, callback)
end

function M.pending()
  return #places
end

local function new_place(buffer, row, column, prompt)
  local place = Place.new(buffer, row, column, prompt)
  table.insert(places, place)
  return place
end

local function leave(place)
  for i, other in ipairs(places) do
    if other == place then
      table.remove(places, i)
      place:remove()
      return true
    end
  end
  return false
end

local function forget(place)
  if place.asked then
    asked_for.forget(place.asked)
  end
end

local function insert(place, task, row, column)
  local links, paths = {}, {}
  for _, image in ipairs(task.images or {}) do
    table.insert(paths, image.path or image.uri)
    table.insert(links, place:link(image))
  end
  local shown = table.concat(paths, ', ')
  if config.options.insert then
    config.options.insert(task, place.buffer, row, column, links)
  elseif not row or not pcall(vim.api.nvim_buf_set_text, place.buffer, row, column, row, column, links) then
    return notify('stored, but its place in the text is gone: ' .. shown .. '; :KlingResume ' .. task.id
      .. ' inserts it', vim.log.levels.WARN)
  else
    notify('stored ' .. shown)
  end
end

-- A task has come as far as it will be waited for, or there is none (`err`).
local function finish(place, err, task)
  local row, column = place:position()
  if not leave(place) then
    return
  end
  if err then
    local data = err.data or {}
    -- What is asked again may have been taken the first time, whatever stands in the way now.
    if data.charged == 'no' and not place.id and (not place.is_again or data.kind == 'invalid_params') then
      forget(place)
    end
    return notify_error(err)
  end
  if task.state == 'stored' then
    insert(place, task, row, column)
    return forget(place)
  end
  if task.state == 'failed' then
    forget(place)
  end
  if place.is_cancelled and not (task.state == 'failed' and task.charged ~= 'no') then
    return
  end
  local why = task.error and ': ' .. tostring(task.error.message) or ''
  local more = task.state == 'failed' and '' or '; :KlingResume ' .. task.id .. ' waits for it'
  notify(('task %s is %s%s%s; %s'):format(task.id, task.state, why, more, money(task.charged)), vim.log.levels.ERROR)
end

local function wait(place)
  process.request('status', { id = place.id, wait_for = 'stored', wait_ms = WAIT_MS }, function(err, task)
    finish(place, err, task)
  end)
end

local function cancel_watch(place)
  process.request('cancel-watch', { id = place.id }, function(err, task)
    if not err then
      finish(place, nil, task)
      forget(place)
    end
    place.on_cancelled(err, task)
  end)
end

-- Asks for the image of a place, anew or again under its key, which is then the same task.
local function ask(place)
  local params = vim.tbl_extend('force', place.asked.params, { wait_for = 'submitted' })
  place.request = process.request('generate', params, function(err, task)
    if err or task.state == 'stored' or task.state == 'failed' then
      finish(place, err, task)
      if place.is_cancelled then
        place.on_cancelled(nil, task)
      end
      return
    end
    place.id, place.asked.id = task.id, task.id
    if place.is_cancelled then
      return cancel_watch(place)
    end
    place:show(task.state)
    pcall(asked_for.keep, place.asked) -- Without the id it is found by its key.
    wait(place)
  end)
end

local function here()
  local at = vim.api.nvim_win_get_cursor(0)
  return vim.api.nvim_get_current_buf(), at[1] - 1, at[2]
end

function M.generate(prompt)
  -- klingd could not tell which request it was that is not UTF-8.
  if not pcall(vim.fn.json_encode, prompt) then
    return notify('the prompt is not UTF-8; no money was spent', vim.log.levels.ERROR)
  end
  local asked = { key = asked_for.new_key(), file = vim.api.nvim_buf_get_name(0) }
  asked.params = vim.tbl_extend('force', config.options.defaults, { prompt = prompt, idempotency_key = asked.key })
  local is_kept, why = pcall(asked_for.keep, asked)
  if not is_kept then
    return notify('what is asked for could not be kept: ' .. why .. '; no money was spent', vim.log.levels.ERROR)
  end
  local buffer, row, column = here()
  local place = new_place(buffer, row, column, prompt)
  place.asked = asked
  ask(place)
end

function M.cancel()
  local waited_for = vim.tbl_filter(function(place)
    return not place.is_cancelled
  end, places)
  local left, withdrawn, go_on = #waited_for, 0, 0
  if left == 0 then
    return notify('nothing is waited for')
  end
  local function on_cancelled(err, task)
    left = left - 1
    if err then
      notify_error(err)
    elseif task and task.state == 'failed' then
      withdrawn = withdrawn + (task.charged == 'no' and 1 or 0)
    elseif task and task.state ~= 'stored' then
      go_on = go_on + 1
    end
    if left == 0 and withdrawn > 0 then
      notify(withdrawn .. ' withdrawn before it was sent; no money was spent', vim.log.levels.WARN)
    end
    if left == 0 and go_on > 0 then
      notify(go_on .. ' no longer waited for; the jobs go on at the provider and are billed', vim.log.levels.WARN)
    end
  end
  for _, place in ipairs(waited_for) do
    place.is_cancelled, place.on_cancelled = true, on_cancelled
    if place.id then
      cancel_watch(place)
    elseif place.request then
      process.cancel_request(place.request) -- Its answer then tells the task that is to be cancelled.
    end
  end
end

function M.list()
  process.request('list', { limit = 20 }, function(err, result)
    if err then
      return notify_free_error(err)
    end
    local lines = {}
    for _, task in ipairs(result.tasks) do
      local image = task.images and task.images[1] or {}
      local prompt = (task.request.prompt or ''):gsub('%s+', ' ')
      table.insert(lines, table.concat({ task.id, task.state, prompt, image.path or image.uri or '' }, '  '))
    end
    notify(#lines > 0 and table.concat(lines, '\n') or 'no tasks yet')
  end)
end

local function resume_task(id, asked)
  local buffer, row, column = here()
  process.request('watch', { id = id }, function(err, task)
    if err then
      return notify_free_error(err)
    end
    local place = new_place(buffer, row, column, task.request.prompt or '')
    place.id, place.asked = id, asked
    wait(place)
  end)
end

local function resume_asked(asked)
  local buffer, row, column = here()
  local place = new_place(buffer, row, column, asked.params.prompt)
  place.asked, place.is_again = asked, true
  pcall(asked_for.keep, asked) -- It is seen to by this Neovim from now on.
  if asked.id then
    place.id = asked.id
    wait(place)
  else
    ask(place)
  end
end

-- { ids = of tasks, all = what was asked for in other files too }. Without ids: what was asked for in this file.
function M.resume(options)
  options = options or {}
  local is_here, by_id, elsewhere, count = {}, {}, {}, 0
  for _, place in ipairs(places) do
    is_here[place.id or ''] = true
    is_here[place.asked and place.asked.key or ''] = true
  end
  local file = vim.api.nvim_buf_get_name(0)
  local open = vim.tbl_filter(function(asked)
    return not is_here[asked.key]
  end, asked_for.all())
  for _, asked in ipairs(open) do
    by_id[asked.id or ''] = asked
  end
  if options.ids and #options.ids > 0 then
    for _, id in ipairs(options.ids) do
      if not is_here[id] then
        resume_task(id, by_id[id])
      end
    end
    return
  end
  for _, asked in ipairs(open) do
    if options.all or asked.file == file or asked.file == '' then
      count = count + 1
      resume_asked(asked)
    else
      elsewhere[asked.file] = true
    end
  end
  local files = vim.tbl_keys(elsewhere)
  if #files > 0 then
    table.sort(files)
    notify('more was asked for in ' .. table.concat(files, ', ') .. '; :KlingResume there, or :KlingResume! here')
  elseif count == 0 then
    notify('nothing to resume')
  end
end

return M
