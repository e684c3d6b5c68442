-- Money: rooms, taking it, the pace of a call, extending its reservation, crossings.
-- `today` is {date index, date, end of the day in ms}.

local function available(account)
  return account[BALANCE] + account[CREDIT_LIMIT] - account[RESERVED]
end

local function cap_room(account, tenant, today)
  if account[DAILY_CAP] == NONE then
    return MAX_WHOLE
  end
  return account[DAILY_CAP] - spend_on(today[1], tenant) - account[RESERVED]
end

local function call_room(account, call)
  if account[CALL_COST_LIMIT] == NONE then
    return MAX_WHOLE
  end
  return account[CALL_COST_LIMIT] - (call and call[C_CHARGED] + call[C_RESERVED] or 0)
end

local function room(account, tenant, call, today)
  return min(available(account), cap_room(account, tenant, today), call_room(account, call))
end

local function add_day(call, day, amount)
  local days = call[C_DAYS]
  if days == 0 then
    call[C_DAYS] = { day, amount }
    return
  end
  for i = 1, #days, 2 do
    if days[i] == day then
      days[i + 1] = days[i + 1] + amount
      return
    end
  end
  days[#days + 1] = day
  days[#days + 1] = amount
end

local function spent_on(call, day)
  local days = call[C_DAYS]
  if days ~= 0 then
    for i = 1, #days, 2 do
      if days[i] == day then
        return days[i + 1]
      end
    end
  end
  return 0
end

-- Moves `amount` (negative: back) from the tenant's money to what the call was charged.
local function move(account, call, amount)
  account[BALANCE] = account[BALANCE] - amount
  account[UNPOSTED] = account[UNPOSTED] + amount
  call[C_CHARGED] = call[C_CHARGED] + amount
end

local function spend_today(tenant, call, amount, today)
  add_spend(today[1], tenant, amount)
  add_day(call, today[2], amount)
end

local function charge_today(account, tenant, call, amount, today)
  move(account, call, amount)
  spend_today(tenant, call, amount, today)
end

local function hold(account, call, amount)
  account[RESERVED] = account[RESERVED] + amount
  call[C_RESERVED] = call[C_RESERVED] + amount
end

-- Charges a rise of the rated total; returns whether money moved.
local function take(account, tenant, call, rise, today)
  call[C_RATED] = call[C_RATED] + rise
  local held = min(rise, call[C_RESERVED])
  if held > 0 then
    hold(account, call, -held)
    charge_today(account, tenant, call, held, today)
  end
  local rest = rise - held
  local fits = rest > 0 and max(0, min(rest, room(account, tenant, call, today))) or 0
  if fits > 0 then
    charge_today(account, tenant, call, fits, today)
  end
  call[C_OVERRUN] = call[C_OVERRUN] + rest - fits
  return held + fits > 0
end

local function effective_total(call)
  return call[C_ELAPSED] < call[C_FREE_MS] and 0 or call[C_GROSS]
end

-- Compares a report with the highest one so far: 1 higher, 0 equal, -1 lower.
local function compare_report(call, report)
  local a, b = report.total, call[C_GROSS]
  if a == b then
    a, b = report.weight, call[C_WEIGHT]
  end
  return a > b and 1 or a < b and -1 or 0
end

local function accept_usage(call, report)
  call[C_GROSS], call[C_WEIGHT], call[C_USAGE] = report.total, report.weight, report.usage
end

-- Takes a report in; returns whether it was lower than the highest, and whether money moved.
local function take_report(account, tenant, call, report, today)
  local order = compare_report(call, report)
  call[C_ELAPSED] = max(call[C_ELAPSED], report.elapsed_ms)
  call[C_FREE_MS] = report.free_ms
  if order > 0 then
    accept_usage(call, report)
  end
  local rise, moved = effective_total(call) - call[C_RATED], false
  if rise > 0 then
    moved = take(account, tenant, call, rise, today)
  end
  return order < 0, moved
end

local function is_free(call)
  return call[C_BURN] == 0
end

-- Micros per second, by the call's own usage once that says something.
local function pace_of(call)
  if is_free(call) then
    return 0
  end
  local own = call[C_GROSS] - call[C_FEE]
  if call[C_ELAPSED] >= OWN_PACE_AFTER_MS and own > 0 then
    return min(MAX_PACE, ceil_div(own * 1000, call[C_ELAPSED]))
  end
  return min(MAX_PACE, call[C_BURN])
end

-- What is used but not charged, because the free period still runs.
local function outstanding(call)
  if call[C_ELAPSED] < call[C_FREE_MS] then
    return max(call[C_GROSS], call[C_FEE]) - call[C_RATED]
  end
  return 0
end

local function left_ms(call)
  local pace = pace_of(call)
  if pace == 0 then
    return LEASE_MS
  end
  return floor(max(0, call[C_RESERVED] - outstanding(call)) * 1000 / pace)
end

local function low_mark(call)
  return ceil_div(pace_of(call) * LOW_WATER_MS, 1000) + outstanding(call)
end

local function is_ended(call)
  return call[C_FLAGS] % 2 == FLAG_ENDED
end

local function is_refused(call)
  return call[C_FLAGS] >= FLAG_REFUSED
end

-- Whether the tenant's bounds no longer allow anything new: after a lowering or a suspension.
local function is_bounded(account, tenant, today)
  return account[SUSPENDED] == 1 or available(account) < 0
    or cap_room(account, tenant, today) < 0
end

-- Extends a reservation that is below the low-water mark; returns whether it stays short.
local function extend(account, tenant, call, today)
  if is_free(call) or is_ended(call) or is_refused(call) then
    return false
  end
  if is_bounded(account, tenant, today) then
    return true
  end
  if call[C_RESERVED] >= low_mark(call) then
    return false
  end
  local want = ceil_div(pace_of(call) * RESERVE_MS, 1000) + outstanding(call)
  local missing = want - call[C_RESERVED]
  local add = min(missing, room(account, tenant, call, today))
  if add > 0 then
    hold(account, call, add)
  end
  return add < missing
end

local function directive_of(account, tenant, call, short, today)
  if is_ended(call) or is_refused(call) then
    return DIRECTIVE.HANG_UP
  end
  if is_free(call) and account[SUSPENDED] == 0 then
    return DIRECTIVE.CONTINUE
  end
  if call[C_RESERVED] == 0 then
    return DIRECTIVE.HANG_UP
  end
  if is_bounded(account, tenant, today) or call[C_RESERVED] < low_mark(call) then
    return DIRECTIVE.FINISH
  end
  return short and DIRECTIVE.WARN or DIRECTIVE.CONTINUE
end

-- Queues the lines that a movement of money has crossed, each once until it is re-armed.
local function note_crossings(account, tenant, pace, today)
  local shortest = max(1, ceil_div(pace * MIN_START_MS, 1000))
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
  if today and account[DAILY_CAP] ~= NONE and account[CAP_SENT_ON] ~= today[2] then
    local spent = spend_on(today[1], tenant)
    if account[DAILY_CAP] - spent < shortest then
      account[CAP_SENT_ON] = today[2]
      append_entry(EVENT.DAILY_CAP_REACHED, tenant, '', spent, account[DAILY_CAP])
    end
  end
end
