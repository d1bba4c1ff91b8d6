-- Where in a text an image will be inserted. It moves with the text around it.
local namespace = vim.api.nvim_create_namespace('klingd')

local Place = {}
Place.__index = Place

function Place.new(buffer, row, column, prompt)
  local place = setmetatable({ buffer = buffer, prompt = prompt }, Place)
  place.mark = vim.api.nvim_buf_set_extmark(buffer, namespace, row, column, {})
  place:show('queued')
  return place
end

-- Row and column as of the API, or nil when the buffer is gone.
function Place:position()
  if not vim.api.nvim_buf_is_loaded(self.buffer) then
    return nil
  end
  local at = vim.api.nvim_buf_get_extmark_by_id(self.buffer, namespace, self.mark, {})
  return at[1], at[2]
end

function Place:title()
  return vim.fn.strcharpart(self.prompt:gsub('%s+', ' '), 0, 40)
end

function Place:show(state)
  local row, column = self:position()
  if row then
    vim.api.nvim_buf_set_extmark(self.buffer, namespace, row, column, {
      id = self.mark,
      virt_text = { { ' [klingd: ' .. state .. ']', 'Comment' } },
    })
  end
  vim.api.nvim_echo({ { 'klingd: ' .. state .. ': ' .. self:title() } }, false, {})
end

function Place:remove()
  if vim.api.nvim_buf_is_valid(self.buffer) then
    vim.api.nvim_buf_del_extmark(self.buffer, namespace, self.mark)
  end
end

local function percent(text, pattern)
  return (text:gsub(pattern, function(c)
    return string.format('%%%02X', c:byte())
  end))
end

-- A Markdown link to an image of a task, relative when the image lies below the folder of the buffer's file.
function Place:link(image)
  local target = image.uri and percent(image.uri, '[%c ()<>\\]') or ''
  if image.path then
    local file = vim.api.nvim_buf_is_valid(self.buffer) and vim.api.nvim_buf_get_name(self.buffer) or ''
    local folder = vim.fn.fnamemodify(file, ':p:h'):gsub('/*$', '/')
    local is_below = file ~= '' and vim.startswith(image.path, folder)
    target = percent(is_below and image.path:sub(#folder + 1) or image.path, '[%c%% ()<>\\#?]')
  end
  local text = self.prompt:gsub('%s+', ' '):gsub('[\\%[%]`*_<>!&|~$]', '\\%0')
  return '![' .. text .. '](' .. target .. ')'
end

return Place
