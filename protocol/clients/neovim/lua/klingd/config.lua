-- The options of setup(), checked so that a slip is told at once.
local M = { options = { cmd = 'klingd', args = {}, defaults = {}, insert = nil } }

-- The plugin's own, for each image anew.
local OURS = { 'prompt', 'idempotency_key', 'wait_for', 'wait_ms', 'dry_run' }

local function is_list_of_strings(value)
  if type(value) ~= 'table' then
    return false
  end
  local count = 0
  for _, item in pairs(value) do
    count = count + 1
    if type(item) ~= 'string' then
      return false
    end
  end
  return count == #value
end

local CHECKS = {
  cmd = function(value)
    return type(value) == 'string' and value ~= '', 'must be the name or path of klingd'
  end,
  args = function(value)
    return is_list_of_strings(value), "must be a list of strings, such as { '--provider', 'simulator' }"
  end,
  defaults = function(value)
    if type(value) ~= 'table' or #value > 0 then
      return false, "must be a table of parameters of generate, such as { aspect_ratio = '16:9' }"
    end
    for _, name in ipairs(OURS) do
      if value[name] ~= nil then
        return false, ("must not hold '%s', which the plugin gives itself"):format(name)
      end
    end
    return true
  end,
  insert = function(value)
    return type(value) == 'function', 'must be a function (task, buffer, row, column, links)'
  end,
}

-- Those that are not given stay as they are.
function M.set(options)
  if options ~= nil and type(options) ~= 'table' then
    error('klingd: setup takes a table of options', 3)
  end
  for name, value in pairs(options or {}) do
    if not CHECKS[name] then
      error(("klingd: setup has no option '%s'; there are cmd, args, defaults and insert"):format(name), 3)
    end
    local is_right, why = CHECKS[name](value)
    if not is_right then
      error(("klingd: setup: '%s' %s"):format(name, why), 3)
    end
  end
  M.options = vim.tbl_extend('force', M.options, options or {})
end

return M
