-- Where :KlingGenerate has its prompt from: its words, the selection or lines of its range, or the user.
local M = {}

local function range(call)
  local from, to = vim.fn.getpos("'<"), vim.fn.getpos("'>")
  local lines = vim.api.nvim_buf_get_lines(0, call.line1 - 1, call.line2, false)
  if from[2] == call.line1 and to[2] == call.line2 and vim.fn.visualmode() == 'v' then
    local last = lines[#lines]
    -- The end is the first byte of the last character, which may have several.
    local past = vim.fn.byteidx(last:sub(to[3]), 1)
    lines[#lines] = past < 0 and last or last:sub(1, to[3] - 1 + past)
    lines[1] = lines[1]:sub(from[3])
  end
  return table.concat(lines, '\n')
end

function M.generate(call)
  local generate = require('klingd').generate
  if call.args ~= '' then
    return generate(call.args)
  elseif call.range > 0 then
    return generate(range(call))
  end
  vim.ui.input({ prompt = 'Prompt: ' }, function(prompt)
    if prompt and prompt ~= '' then
      generate(prompt)
    end
  end)
end

return M
