function f(a)
  if a == 0 then return 0 end
  if a == 1 then return 1 end
  if a == 2 then return 2 end
  if a == 3 then return 3 end
  if a == 4 then return 4 end
  if a == 5 then return 5 end
  if a == 6 then return 6 end
  if a == 7 then return 7 end
  if a == 8 then return 8 end
  if a == 9 then return 9 end
  if a == 10 then return 10 end
  if a == 11 then return 11 end
  if a == 12 then return 12 end
  if a == 13 then return 13 end
  if a == 14 then return 14 end
  if a == 15 then return 15 end
end
