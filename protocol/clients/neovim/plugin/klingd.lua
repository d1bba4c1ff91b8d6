if vim.g.loaded_klingd then
  return
end
vim.g.loaded_klingd = true

vim.api.nvim_create_user_command('KlingGenerate', function(command)
  require('klingd').generate_command(command)
end, { nargs = '*', range = true, desc = 'Make an image and insert a link to it' })
vim.api.nvim_create_user_command('KlingCancel', function()
  require('klingd').cancel()
end, { desc = 'Stop waiting for the images of this session' })
vim.api.nvim_create_user_command('KlingList', function()
  require('klingd').list()
end, { desc = 'Show the newest tasks' })
vim.api.nvim_create_user_command('KlingResume', function()
  require('klingd').resume()
end, { desc = 'Wait for the tasks of an earlier session and insert their images' })
