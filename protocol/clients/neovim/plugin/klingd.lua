if vim.g.loaded_klingd then
  return
end
vim.g.loaded_klingd = true
if vim.fn.has('nvim-0.7') == 0 then
  vim.notify('klingd needs Neovim 0.7 or newer', vim.log.levels.ERROR)
  return
end

local command = vim.api.nvim_create_user_command
command('KlingGenerate', function(call)
  require('klingd.command').generate(call)
end, { nargs = '*', range = true, desc = 'Make an image and insert a link to it' })
command('KlingCancel', function()
  require('klingd').cancel()
end, { desc = 'Stop waiting for the images of this session' })
command('KlingList', function()
  require('klingd').list()
end, { desc = 'Show the newest tasks' })
command('KlingResume', function(call)
  require('klingd').resume({ ids = call.fargs, all = call.bang })
end, { nargs = '*', bang = true, desc = 'Insert what was asked for before and is not in the text yet' })

vim.keymap.set('n', '<Plug>(klingd-generate)', '<Cmd>KlingGenerate<CR>')
vim.keymap.set('x', '<Plug>(klingd-generate)', ':KlingGenerate<CR>')
vim.keymap.set('n', '<Plug>(klingd-cancel)', '<Cmd>KlingCancel<CR>')
vim.keymap.set('n', '<Plug>(klingd-list)', '<Cmd>KlingList<CR>')
vim.keymap.set('n', '<Plug>(klingd-resume)', '<Cmd>KlingResume<CR>')
