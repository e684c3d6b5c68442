-- Records: how they lie in the store, and what was charged by date.
--
-- A record is a line of numbers of fixed width and of texts behind their lengths: unlike packed
-- arrays it becomes one table of the right size in one step. The first byte of a call tells its
-- state and so its format. i<n> and I<n> are n bytes with and without sign; amounts (to 10^12)
-- take five, what may be more takes as many as a whole number of Lua needs.

local CORRUPTED = {}

local read_records, read_call, pack_account, pack_call, sum_on, add_on, days_of
do
  -- suspended, dates, eight of money, concurrent calls, active calls, versions, what was sent
  local ACCOUNT = '>B' .. 'Bc0i8I3c0' .. 'i8i8i8I5i6i6i6i6i6' .. 'I7I7BBBc0' .. 'I3c0Bc0'
  local GUARDED, GUARDED_LENGTH = '>i6i6i6I6I6', 30
  local RUNNING = '>B' .. 'Bc0I5I3c0' .. 'BI6I6i6I7I5I5I5I7I5I5I7' .. 'I3c0I3c0I3c0I3c0I3c0'
  local SETTLED_CALL = RUNNING .. 'I3c0I3c0BI7B'
  local DEBIT_RECORD = '>BI5I3c0I7B'
  local CALLER_RECORD = '>B' .. 'Bc0i8I3c0' .. 'i8'
  local FORMATS = { RUNNING, RUNNING, RUNNING, SETTLED_CALL, DEBIT_RECORD, CALLER_RECORD }
  -- Where the length of the text stands when a record was read to its end: behind its fields.
  local ACCOUNT_END = GUARDS + 1
  local CALL_END, SETTLED_END = C_ASSISTANT + 1, C_CONFIRMED + 1
  local DEBIT_END, CALLER_END = DEBIT.CONFIRMED + 1, CALLER_RESERVED + 1
  local ENDS = { CALL_END, CALL_END, CALL_END, SETTLED_END, DEBIT_END, CALLER_END }

  function pack_account(a)
    local day, earlier, sent_on, profile = a[DAY], a[EARLIER_DAYS], a[CAP_SENT_ON], a[PROFILE]
    local guards = a[GUARDS] and struct.pack(GUARDED, unpack(a[GUARDS], 1, GUARD.STARTS_AT)) or ''
    return struct.pack(
      ACCOUNT, a[SUSPENDED], #day, day, a[DAY_SUM], #earlier, earlier, a[BALANCE], a[RESERVED],
      a[UNPOSTED], a[CREDIT_LIMIT], a[DAILY_CAP], a[CALL_COST_LIMIT], a[LOW_THRESHOLD],
      a[CONCURRENT_CALLS], a[ACTIVE_CALLS], a[VERSION], a[PROFILE_VERSION], a[LOW_SENT],
      a[EXHAUSTED_SENT], #sent_on, sent_on, #profile, profile, #guards, guards
    )
  end

  local function pack_debit(r)
    return struct.pack(
      DEBIT_RECORD, DEBITED, r[DEBIT.AMOUNT], #r[DEBIT.DIGEST], r[DEBIT.DIGEST], r[DEBIT.N],
      r[DEBIT.CONFIRMED]
    )
  end

  local function pack_caller(k)
    local day, earlier = k[DAY], k[EARLIER_DAYS]
    return struct.pack(
      CALLER_RECORD, CALLER, #day, day, k[DAY_SUM], #earlier, earlier, k[CALLER_RESERVED]
    )
  end

  function pack_call(c)
    local state, day, earlier, usage, pin = c[C_STATE], c[DAY], c[EARLIER_DAYS], c[C_USAGE], c[C_PIN]
    if state >= DEBITED then
      return state == DEBITED and pack_debit(c) or pack_caller(c)
    end
    local model, parties, assistant = c[C_MODEL], c[C_PARTIES], c[C_ASSISTANT]
    local digest, times = c[C_DIGEST], c[C_TIMES]
    return struct.pack(
      FORMATS[state], state, #day, day, c[DAY_SUM], #earlier, earlier, c[C_FLAGS],
      c[C_AUTHORIZED_AT], c[C_LEASE_UNTIL], c[C_ELAPSED], c[C_RESERVED], c[C_RATED],
      c[C_CHARGED], c[C_GROSS], c[C_WEIGHT], c[C_FEE], c[C_BURN], c[C_FREE_MS], #usage, usage,
      #pin, pin, #model, model, #parties, parties, #assistant, assistant,
      state == SETTLED and #digest, digest, state == SETTLED and #times, times, c[C_OUTCOME],
      c[C_N], c[C_CONFIRMED]
    )
  end

  -- Whether the dates before the latest can be read.
  local function has_days(earlier)
    local good, days = pcall(cmsgpack.unpack, earlier)
    return good and type(days) == 'table'
  end

  -- Reads a record that ends where its text ends.
  local function unpack_record(format, length, packed)
    local record = { pcall(struct.unpack, format, packed) }
    if record[1] and record[length] == #packed + 1
        and (record[EARLIER_DAYS] == '' or format == DEBIT_RECORD or has_days(record[EARLIER_DAYS]))
    then
      record[CHANGED] = false
      return record
    end
    return CORRUPTED
  end

  -- Calls redis with up to 1,000 names at a time and hands each name and value to `take`.
  local function read_each(command, key, names, take)
    for first = 1, #names, 1000 do
      local last = first + 999
      if last > #names then
        last = #names
      end
      local values = redis.call(command, key, unpack(names, first, last))
      for i = 1, #values do
        take(names[first + i - 1], values[i])
      end
    end
  end

  -- Guards become a table of their own, which most accounts do not have.
  local function with_guards(account)
    local packed = account[GUARDS]
    if packed == '' then
      account[GUARDS] = false
    elseif packed then
      if #packed ~= GUARDED_LENGTH then
        return CORRUPTED
      end
      account[GUARDS] = { struct.unpack(GUARDED, packed) }
    end
    return account
  end

  local function read_account(tenant, packed)
    accounts[tenant] = packed and with_guards(unpack_record(ACCOUNT, ACCOUNT_END, packed))
  end

  function read_call(member, packed)
    local state = packed and byte(packed)
    if state and FORMATS[state] then
      calls[member] = unpack_record(FORMATS[state], ENDS[state], packed)
    else
      calls[member] = packed and CORRUPTED
    end
  end

  local function read_score(member, score)
    scores[member] = tonumber(score)
  end

  function read_records(swept)
    read_each('HMGET', KEY.ACCOUNTS, tenants, read_account)
    read_each('HMGET', KEY.CALLS, members, read_call)
    read_each('ZMSCORE', KEY.LEASES, swept, read_score)
  end

  -- Pairs {date, sum} in the order of their first charge.
  function days_of(record)
    local earlier = record[EARLIER_DAYS]
    local days = earlier ~= '' and cmsgpack.unpack(earlier) or {}
    if record[DAY] ~= '' then
      days[#days + 1] = { record[DAY], record[DAY_SUM] }
    end
    return days
  end

  function sum_on(record, date)
    if record[DAY] == date then
      return record[DAY_SUM]
    elseif record[EARLIER_DAYS] ~= '' then
      for _, day in ipairs(days_of(record)) do
        if day[1] == date then
          return day[2]
        end
      end
    end
    return 0
  end

  local function set_days(record, days)
    local last = days[#days]
    days[#days] = nil
    record[DAY], record[DAY_SUM] = last[1], last[2]
    record[EARLIER_DAYS] = #days > 0 and cmsgpack.pack(days) or ''
  end

  -- Adds to a date that is not the latest; `forgets` drops those that can be nobody's today.
  local function add_on_other(record, date, amount, forgets)
    local days, found = {}, nil
    for _, day in ipairs(days_of(record)) do
      if day[1] == date then
        found, day[2] = day, day[2] + amount
      end
      if not forgets or is_date(day[1]) then
        days[#days + 1] = day
      end
    end
    if not found then
      days[#days + 1] = { date, amount }
    end
    set_days(record, days)
  end

  function add_on(record, date, amount, forgets)
    if record[DAY] == date then
      record[DAY_SUM] = record[DAY_SUM] + amount
    else
      add_on_other(record, date, amount, forgets)
    end
  end
end

local function copy_of(record)
  local copy = {}
  for i = 1, #record do
    copy[i] = record[i]
  end
  return copy
end
