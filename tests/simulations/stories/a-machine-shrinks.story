# Memory is taken out under what was promised: the promise stays on record, and the pool says no.
nodes a b ram 8GiB
a reserves 5GiB at b as x
  => granted
  -> a peer has a copy
shrink b to 4GiB
  -> b alarm.pool-impaired: ram is impaired: no new holds until it is whole again
  -> b alarm.squeezed: ram 5 GiB (a) on b: ram has 4 GiB free, and 5 GiB of what is promised there is not used yet: others use it, or work that runs for a hold is not tied to it (`holdfast adopt`)
advance 6s
  -> a alarm.squeezed: ram 5 GiB (a) on b: ram has 4 GiB free, and 5 GiB of what is promised there is not used yet: others use it, or work that runs for a hold is not tied to it (`holdfast adopt`)
b shows the holds
  => x: 5GiB at b, posted
a asks where 1GiB fits at b
  => nowhere
  -> not b: pool not open, not enough room
a reserves 1GiB at b as y
  => refused
  -> Nowhere: none of 2 nodes fits now.
a releases x
  => released
advance 6s
a asks where 3GiB fits at b
  => at b
a reserves 3GiB at b as z
  => granted
  -> a peer has a copy
everyone verifies
  => every log verifies
