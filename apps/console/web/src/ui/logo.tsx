export function Logo() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="#1b4d6b" />
      <path
        d="M7 11h6M7 21h6M13 11c5 0 5 5 10 5M13 21c5 0 5-5 10-5"
        fill="none"
        stroke="#fff"
        stroke-width="2.4"
        stroke-linecap="round"
      />
      <circle cx="24.5" cy="16" r="2.6" fill="#7fd1ff" />
    </svg>
  )
}
