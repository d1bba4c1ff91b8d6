-- What was asked for and is not in a text yet, a file for each, so that the end of Neovim or of klingd loses nothing:
-- { key, params, file, id = klingd's id once it is known, pid = the Neovim that sees to it }.
local M = {}
local uv = vim.uv or vim.loop

local function folder()
  return vim.fn.stdpath('data') .. '/klingd'
end

local function path(key)
  return folder() .. '/' .. key .. '.json'
end

function M.new_key()
  return 'neovim-' .. uv.random(16):gsub('.', function(c)
    return string.format('%02x', c:byte())
  end)
end

-- Raises an error when it cannot be kept.
function M.keep(asked)
  asked.pid = uv.os_getpid()
  vim.fn.mkdir(folder(), 'p', tonumber('700', 8))
  local new = path(asked.key) .. '.new'
  if vim.fn.writefile({ vim.json.encode(asked) }, new, 's') ~= 0 then
    error(new .. ' cannot be written', 0)
  end
  assert(uv.fs_rename(new, path(asked.key)))
end

function M.forget(asked)
  uv.fs_unlink(path(asked.key))
end

local function is_elsewhere(pid)
  if type(pid) ~= 'number' or pid == uv.os_getpid() then
    return false
  end
  local ok, err = uv.kill(pid, 0)
  return ok == 0 or (err or ''):find('EPERM') ~= nil
end

-- Those that no other running Neovim sees to, oldest first.
function M.all()
  local all = {}
  for _, file in ipairs(vim.fn.glob(folder() .. '/*.json', true, true)) do
    local read, lines = pcall(vim.fn.readfile, file)
    local ok, asked = pcall(vim.json.decode, read and table.concat(lines, '\n') or '', { luanil = { object = true } })
    if ok and type(asked) == 'table' and asked.key and type(asked.params) == 'table' and not is_elsewhere(asked.pid) then
      asked.time = vim.fn.getftime(file)
      table.insert(all, asked)
    end
  end
  table.sort(all, function(a, b)
    return a.time ~= b.time and a.time < b.time or a.time == b.time and a.key < b.key
  end)
  return all
end

return M
