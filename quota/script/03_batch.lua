-- The batch: its header and operations, and every record that they touch, read once.

local KEY
local NOW, LEASE_MS, GRACE_MS, LATE_WINDOW_MS, RETENTION_MS
local RESERVE_MS, LOW_WATER_MS, MIN_START_MS, MAX_OUTBOX, DATES, CHANNEL

-- The records of a batch by name, false for those that are not there, and their names in order.
local tenants, accounts, members, calls, scores
local last_n, posted_n, leases, gone, entries, changes, new_callers

local announce, begin, read_state, member_of, is_date, today_of, append_entry
do
  function begin(keys, header)
    KEY = {
      ACCOUNTS = keys[1], CALLS = keys[2], LEASES = keys[3], OUTBOX = keys[4], EPOCH = keys[5],
    }
    LEASE_MS, GRACE_MS, LATE_WINDOW_MS = header[2], header[3], header[4]
    RETENTION_MS, RESERVE_MS, LOW_WATER_MS = header[5], header[6], header[7]
    MIN_START_MS, MAX_OUTBOX, DATES, CHANNEL = header[8], header[9], header[10], header[11]
    local time = redis.call('TIME')
    NOW = time[1] * 1000 + floor(time[2] / 1000)
    tenants, accounts, members, calls, scores = {}, {}, {}, {}, {}
    leases, gone, entries, changes, new_callers = {}, {}, {}, {}, {}
  end

  -- Notes that something outside a call has changed its fate; without a call: all of the tenant's.
  function announce(tenant, call_id, change)
    changes[#changes + 1] = { tenant, call_id, change }
  end

  -- Returns the status of the shard, and its epoch when that is another than the caller's.
  function read_state(epoch)
    local stored = redis.call('HMGET', KEY.EPOCH, 'epoch', 'n', 'posted', 'torn')
    last_n, posted_n = tonumber(stored[2] or '0'), tonumber(stored[3] or '0')
    if stored[1] ~= epoch then
      return STATUS.OTHER_EPOCH, stored[1] or '0'
    elseif stored[4] == '1' then
      return STATUS.TORN, ''
    end
    return STATUS.DECIDED, ''
  end

  function member_of(tenant, key)
    return tenant .. '/' .. key
  end

  function is_date(date)
    return date == DATES[1] or date == DATES[2] or date == DATES[3]
  end

  -- Today by the store's clock, or false when the caller's clock is days away.
  function today_of(day)
    local date, day_end = day[1], day[2]
    if NOW >= day_end then
      date, day_end = day[3], day_end + 86400000
    end
    return is_date(date) and { date, day_end }
  end

  function append_entry(event, tenant, key, ...)
    last_n = last_n + 1
    entries[#entries + 1] = { last_n, cmsgpack.pack({ event, tenant, key, NOW, ... }) }
    return last_n
  end
end
