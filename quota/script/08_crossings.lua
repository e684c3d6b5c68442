-- Lines that a tenant crosses: a low balance, none, the daily cap reached and lifted.

local lift_cap, note_crossings
do
  -- Tells that a daily cap that was reached no longer binds.
  function lift_cap(account, tenant, spent)
    account[CAP_SENT_ON] = ''
    append_entry(EVENT.DAILY_CAP_LIFTED, tenant, '', spent, account[DAILY_CAP])
  end

  local function note_cap(account, tenant, shortest, today)
    local spent = sum_on(account, today[1])
    if account[CAP_SENT_ON] ~= '' then
      lift_cap(account, tenant, spent)
    end
    if account[DAILY_CAP] - spent < shortest then
      account[CAP_SENT_ON] = today[1]
      append_entry(EVENT.DAILY_CAP_REACHED, tenant, '', spent, account[DAILY_CAP])
    end
  end

  -- Queues the lines that a movement of money has crossed, each once until it is re-armed.
  function note_crossings(account, tenant, pace, today)
    local shortest = ceil_div(pace * MIN_START_MS, 1000)
    if shortest < 1 then
      shortest = 1
    end
    if account[LOW_THRESHOLD] ~= NONE and account[BALANCE] < account[LOW_THRESHOLD]
        and account[LOW_SENT] == 0 then
      account[LOW_SENT] = 1
      append_entry(EVENT.LOW_BALANCE, tenant, '', account[BALANCE], account[LOW_THRESHOLD])
    end
    local funds = account[BALANCE] + account[CREDIT_LIMIT]
    if funds < shortest and account[EXHAUSTED_SENT] == 0 then
      account[EXHAUSTED_SENT] = 1
      append_entry(EVENT.BALANCE_EXHAUSTED, tenant, '', account[BALANCE], account[CREDIT_LIMIT])
    end
    if today and account[DAILY_CAP] ~= NONE and account[CAP_SENT_ON] ~= today[1] then
      note_cap(account, tenant, shortest, today)
    end
  end
end
