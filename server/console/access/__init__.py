"""Who is there: sessions in signed cookies, the ways in and out, and what guards them."""
